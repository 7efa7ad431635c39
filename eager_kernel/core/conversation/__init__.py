"""What a model is asked, and told of what ran, from step to step."""
