"""Readers of foreign files: one module a program or a family of formats, all held by `biofeedback.formats.detect`."""
