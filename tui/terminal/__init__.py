"""The terminal itself: its set-up, colours, the order of keys, the clipboard, filters for slow lines."""
