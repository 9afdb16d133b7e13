"""What stands in the place of pool and classifier where a network says something of every part of an image."""
