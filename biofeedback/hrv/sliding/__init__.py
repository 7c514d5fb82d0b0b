"""Every metric at every beat of a long stretch: the trailing windows of `hrv.live` to the bit, a block at a time.

The definitions stand with the metrics, each over one window. Here the same numbers come from sums that neighbouring
windows share; whole numbers make those exact, so that neither the block a beat falls into nor what lies before its
window can be seen in a result.
"""
