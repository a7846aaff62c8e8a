"""Answers TwinMaker from another cloud's Hot Reader."""
