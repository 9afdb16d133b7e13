"""What networks learn and how they are judged: one module a task, behind one protocol."""
