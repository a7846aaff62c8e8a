"""Walks the read path of a deployed stage, hop by hop, and says what is wrong at the first broken one.

Each hop is a small object that is given what it needs and returns what the next ones need. It only
looks: nothing is written anywhere. The real token goes to the stage's endpoints and nowhere else, and
only after they refused a wrong one (or answered 500 or 503, which is trouble behind them); whatever is
reported has the secrets taken out.

`verification` walks; a module for each part of the way has its hops; `diagnosis` knows what to do about
what others answer.
"""
