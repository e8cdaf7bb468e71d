"""The parts of the page: the analyse box, topics, chart, the chosen point, the list."""
