"""The first screen: every snapshot set of the place, grouped, sorted, filtered, selected."""
