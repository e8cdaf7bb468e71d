"""From past dialogues to proposals: pairs of questions and answers, their vectors, groups and names."""
