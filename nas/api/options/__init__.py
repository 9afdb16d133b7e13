"""What a run is asked for: its options, declared once, and the settings that follow from them."""
