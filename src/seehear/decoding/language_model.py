"""An n-gram language model, smoothed and compiled into an automaton."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seehear.decoding.ngrams import NGramCounts

Ints = NDArray[np.int64]

MAX_TABLE_SIZE = 1 << 23  # states times tokens: 64 MiB as float32 and int32


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A deterministic automaton. Its states are contexts; it is always in the longest one that ends the tokens so far.

    logp (S, V + 1) float32: log probability of each next token, and in the last column of the end of the sentence.
    next_state (S, V) int32: the state after a token. `start`: the state in which a sentence begins.
    """

    logp: NDArray[np.float32]
    next_state: NDArray[np.int32]
    start: int

    def score(self, tokens: Iterable[int]) -> float:
        """The log probability of a complete sentence."""
        state, total = self.start, 0.0
        for token in tokens:
            total += float(self.logp[state, token])
            state = self.next_state[state, token]
        return total + float(self.logp[state, -1])

    @classmethod
    def from_counts(cls, counts: NGramCounts) -> LanguageModel:
        """Interpolated Witten-Bell smoothing (Witten & Bell 1991, method C; Chen & Goodman 1998, TR-10-98, 2.5):

            p(w | h) = (c(h w) + N(h) p(w | h')) / (c(h) + N(h))

        where h' is h without its first token and N(h) the number of different tokens that followed h. Below the empty
        context all tokens are equally likely. An n-gram h w missing from the counts stands for a token that followed
        once: it adds to c(h) and N(h), and its own share goes to p(w | h') as well.

        Contexts are the n-grams that something follows. If there are more than 8 million states times tokens, the
        longest are dropped; among equally long ones, the rarest.
        """
        contexts = _select_contexts(counts)
        backoff, next_state = _link_states(counts, contexts)
        logp = np.log(_smooth(counts, contexts, backoff)).astype(np.float32)
        edge = counts.vocabulary
        return cls(logp, np.ascontiguousarray(next_state[:, :edge]), start=int(next_state[0, edge]))


def _select_contexts(counts: NGramCounts) -> Ints:
    """(S,) the trie nodes that become states, ascending. With each node comes its parent."""
    contexts = np.unique(counts.parent)
    length = np.repeat(np.arange(counts.order + 1), [level.stop - level.start for level in counts.levels()])
    order = np.lexsort((-counts.count[contexts], length[contexts]))
    return np.sort(contexts[order[: max(1, MAX_TABLE_SIZE // (counts.vocabulary + 1))]])


def _number_states(counts: NGramCounts, contexts: Ints) -> tuple[Ints, list[slice]]:
    """The state of each trie node (N,), -1 if it has none; and the states of contexts of 0, 1, ... tokens."""
    state = np.full(len(counts.count), -1)
    state[contexts] = np.arange(len(contexts))
    ends = [(level.start, level.stop) for level in counts.levels()]
    return state, [slice(*np.searchsorted(contexts, end).tolist()) for end in ends]


def _link_states(counts: NGramCounts, contexts: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """backoff (S,): the state of the longest proper suffix of a context. next_state (S, V + 1); its last column, from
    state 0, is the state after the edge of a sentence. Built as by Aho & Corasick 1975, one length at a time."""
    state, lengths = _number_states(counts, contexts)
    parent, token = state[counts.parent[contexts]], counts.token[contexts]
    backoff = np.zeros(len(contexts), np.int64)
    next_state = np.zeros((len(contexts), counts.vocabulary + 1), np.int32)
    for here in lengths[1:]:
        backoff[here] = next_state[backoff[parent[here]], token[here]]
        next_state[parent[here], token[here]] = np.arange(here.start, here.stop)
        next_state[here] = next_state[backoff[here]]
    return backoff, next_state


def _smooth(counts: NGramCounts, contexts: Ints, backoff: Ints) -> NDArray[np.float64]:
    """(S, V + 1) probabilities, from the shortest contexts to the longest."""
    state, lengths = _number_states(counts, contexts)
    following = 1 + np.flatnonzero(state[counts.parent[1:]] >= 0)  # n-grams that are a context and one more token
    context, token, count = state[counts.parent[following]], counts.token[following], counts.count[following]
    seen = np.bincount(context, count, len(contexts))
    missing = counts.count[contexts] - seen
    backoff_weight = np.maximum(np.bincount(context, minlength=len(contexts)) + 2 * missing, 1)  # 1 if nothing followed
    p = np.full((len(contexts), counts.vocabulary + 1), 1 / (counts.vocabulary + 1))
    for here in lengths:
        known = slice(*np.searchsorted(context, (here.start, here.stop)).tolist())
        p[here] = backoff_weight[here, None] * p[backoff[here]]
        p[context[known], token[known]] += count[known]
        p[here] /= (seen + backoff_weight)[here, None]
    return p
