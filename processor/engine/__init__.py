"""The pure core: a batch of predictions and the collectors that watch their models in, decisions out."""
