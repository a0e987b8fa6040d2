"""Stand-ins for what no registry that can be reached has: named as such wherever they act, imported by nothing else.

strimzi    for Strimzi's topic and user operators and for reflector
"""
