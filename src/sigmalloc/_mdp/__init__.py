"""A finite task, its policies, and what they are worth: what exact results and training by exact gradients share."""
