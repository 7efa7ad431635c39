"""How the static gate (`eager_kernel.core.gate`) comes to a verdict about a statement.

The way of a statement, with the modules in the order in which it meets them:

==================  ==============================================================================
`program`           judges a program's statements in turn; clears most by their words alone
`word_search`       the words of a text, found without parsing it
`follow`            follows parsed statements: bindings, branches, definitions
`expressions`       follows their expressions, without recursion
`calls`             follows calls, into functions of the program too
`names`             what names are bound to, and the dotted names of libraries
`values`            what is known of a value: a library's name, a function, a class, ...
`tables`            the table of a mode: which uses are held, and the words that betray them
`tables_timing`     clocks, threads, signals
`tables_unaudited`  effects that raise no audit event: native writers, processes, connections
`tables_effects`    effects that raise one, for the mode ``static``
`argument_checks`   which arguments make a call count
==================  ==============================================================================

Beside it:

==================  ==============================================================================
`definitions`       definitions that do nothing yet, and may wait for the next statement
`ipython`           magics and shell commands, judged by their text
`paper`             the gate as published, by names alone
==================  ==============================================================================
"""
