"""What of a dataset is to be looked at again: doubtful labels, twins, outliers, and slices where a classifier errs."""
