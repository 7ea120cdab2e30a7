"""What is known of a place while somebody works there: the inventory, the jobs, files that are open.

Knows nothing of widgets: plain values, gathered on threads, that views turn into rows and screens show.
"""
