"""Who proposes the next architecture."""
