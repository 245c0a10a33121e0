"""Which samples to look at first: by what several classifiers say of them together, or one alone."""
