"""What colour transformations share."""

# How much red, green and blue add to what the eye sees as light: ITU-R BT.601.
LUMINANCE = (0.299, 0.587, 0.114)
