"""Published networks, as tables one can lay beside the papers."""
