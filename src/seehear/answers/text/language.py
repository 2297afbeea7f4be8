"""What is likely to be said: smoothed n-gram counts, as a machine that reads tokens and knows the odds of the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seehear.answers.text.ngrams import NGrams

Ints = NDArray[np.int64]

MOST_CELLS = 1 << 23  # states times tokens: 64 MiB as float32 and int32


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic machine; its states are contexts, and it is in that of the longest end of what was said.

    logp (S, V + 1) float32: log probability of each next token, and in the last column that the sentence ends here.
    follow (S, V) int32: the state after a token. `start`: the state in which a sentence begins.
    """

    logp: NDArray[np.float32]
    follow: NDArray[np.int32]
    start: int

    def total(self, tokens: Iterable[int]) -> float:
        """The log probability of a whole sentence."""
        state, total = self.start, 0.0
        for token in tokens:
            total += float(self.logp[state, token])
            state = self.follow[state, token]
        return total + float(self.logp[state, -1])

    @classmethod
    def of(cls, ngrams: NGrams) -> Automaton:
        """Interpolated Witten-Bell smoothing (Witten & Bell 1991, method C; Chen & Goodman 1998, TR-10-98, 2.5):

            p(w | h) = (c(h w) + N(h) p(w | h')) / (c(h) + N(h))

        where h' is h without its first token and N(h) the number of different tokens that followed h; below the empty
        context all tokens are equally likely. An n-gram h w that the counts have left out stands for a token that
        followed once: it counts in c(h) and N(h), and its own share goes to p(w | h') as well.

        Contexts are the n-grams after which something is known. Beyond 8 million states times tokens the longest are
        left out, the rarest first of those equally long.
        """
        contexts = _contexts(ngrams)
        backoff, follow = _links(ngrams, contexts)
        logp = np.log(_smoothed(ngrams, contexts, backoff)).astype(np.float32)
        begin = ngrams.vocabulary
        return cls(logp, np.ascontiguousarray(follow[:, :begin]), start=int(follow[0, begin]))


def _contexts(ngrams: NGrams) -> Ints:
    """(S,) the nodes of n-grams that are states, ascending; with each is what it begins with."""
    contexts = np.unique(ngrams.parent)
    length = np.repeat(np.arange(ngrams.order + 1), [level.stop - level.start for level in ngrams.levels()])
    first = np.lexsort((-ngrams.count[contexts], length[contexts]))
    return np.sort(contexts[first[: max(1, MOST_CELLS // (ngrams.vocabulary + 1))]])


def _states(ngrams: NGrams, contexts: Ints) -> tuple[Ints, list[slice]]:
    """The state of each node (N,), -1 where it is none; and the states of contexts of 0, 1, ... tokens."""
    state = np.full(len(ngrams.count), -1)
    state[contexts] = np.arange(len(contexts))
    ends = [(level.start, level.stop) for level in ngrams.levels()]
    return state, [slice(*np.searchsorted(contexts, end).tolist()) for end in ends]


def _links(ngrams: NGrams, contexts: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """backoff (S,): the state of the longest proper end of a context. follow (S, V + 1); its last column, from state
    0, is where the edge of a sentence leads. As Aho & Corasick 1975 build theirs, a length at a time."""
    state, lengths = _states(ngrams, contexts)
    above, token = state[ngrams.parent[contexts]], ngrams.token[contexts]
    backoff = np.zeros(len(contexts), np.int64)
    follow = np.zeros((len(contexts), ngrams.vocabulary + 1), np.int32)
    for here in lengths[1:]:
        backoff[here] = follow[backoff[above[here]], token[here]]
        follow[above[here], token[here]] = np.arange(here.start, here.stop)
        follow[here] = follow[backoff[here]]
    return backoff, follow


def _smoothed(ngrams: NGrams, contexts: Ints, backoff: Ints) -> NDArray[np.float64]:
    """(S, V + 1) probabilities, from the shortest contexts to the longest."""
    state, lengths = _states(ngrams, contexts)
    after = 1 + np.flatnonzero(state[ngrams.parent[1:]] >= 0)  # n-grams that are a context and one token more
    context, token, count = state[ngrams.parent[after]], ngrams.token[after], ngrams.count[after]
    told = np.bincount(context, count, len(contexts))
    left_out = ngrams.count[contexts] - told
    share = np.maximum(np.bincount(context, minlength=len(contexts)) + 2 * left_out, 1)  # 1 where nothing was counted
    p = np.full((len(contexts), ngrams.vocabulary + 1), 1 / (ngrams.vocabulary + 1))
    for here in lengths:
        known = slice(*np.searchsorted(context, (here.start, here.stop)).tolist())
        p[here] = share[here, None] * p[backoff[here]]
        p[context[known], token[known]] += count[known]
        p[here] /= (told + share)[here, None]
    return p
