"""Peers that are Python packages: delta-peer.py NAME OLD NEW PATCH. NAME - only says which packages are there."""

import sys


def detools_patch(old, new, patch):
    import detools

    with open(old, "rb") as ffrom, open(new, "rb") as fto, open(patch, "wb") as fpatch:
        detools.create_patch(ffrom, fto, fpatch, compression="lzma")


def hdiffpatch_patch(old, new, patch):
    import hdiffpatch

    with open(old, "rb") as ffrom, open(new, "rb") as fto, open(patch, "wb") as fpatch:
        fpatch.write(hdiffpatch.diff(ffrom.read(), fto.read(), compression="lzma2"))


PEERS = {"detools": detools_patch, "HDiffPatch": hdiffpatch_patch}

PEERS[sys.argv[1]](*sys.argv[2:5])
