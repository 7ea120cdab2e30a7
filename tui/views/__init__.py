"""Values to show: rows, columns and sentences made from what the session knows. Draws nothing."""
