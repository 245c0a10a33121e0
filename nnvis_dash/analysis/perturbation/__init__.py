"""What happens to a score when parts of an image are taken away: regions, masks, and their scores in large batches."""
