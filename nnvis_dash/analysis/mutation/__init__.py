"""Mutation: what a classifier does when units are frozen."""
