"""What a detector learns of boxes, which it sees, and how they are judged."""
