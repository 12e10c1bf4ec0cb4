"""A musician's wishes, stated as what is known of a chorale before it is composed."""
