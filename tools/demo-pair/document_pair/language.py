"""The pair's language models while they are trained: visual tokens may be dropped, and what a layer knows is asked for."""
import torch

from demo_pair.language import LanguageModel


class DocumentLanguageModel(LanguageModel):
    """forward() also gives the states behind one layer, and may drop visual tokens in front of another."""

    def study(self, prefix, visual, groups, probed, looked, kept=None):
        """prefix ids [p], visual [B, N, hidden], groups of ids [B, Q, L].

        kept: (layer, positions [B, P'] of the page's tokens that stay from that layer on) or None.
        -> final hidden states per group; behind layer `probed` the visual tokens [B, N, hidden] and the groups; behind layer `looked` the groups.
        """
        embed = self.model.tok_embeddings
        page = torch.cat([embed(prefix).expand(visual.shape[0], -1, -1), visual], 1)
        groups = [embed(ids) for ids in groups]
        first, positions, seen, found = page.shape[1], 0, None, None
        for index, layer in enumerate(self.model.layers):
            if kept and index == kept[0]:
                positions = kept[1]
                page = page.gather(1, positions[..., None].expand(-1, -1, page.shape[-1]))
            page, groups = layer(page, groups, positions, first)
            if index == probed:
                seen = page[:, len(prefix):], groups
            if index == looked:
                found = groups
        return [self.model.norm(x) for x in groups], seen, found


def grown(state, layers, factor):
    """A state dict whose every layer is followed by factor - 1 copies that start by adding nothing."""
    out = {name: value for name, value in state.items() if not name.startswith("model.layers.")}
    for name, value in state.items():
        if not name.startswith("model.layers."):
            continue
        index, rest = name[len("model.layers."):].split(".", 1)
        for copy in range(factor):
            silent = copy > 0 and rest in ("attention.wo.weight", "feed_forward.w2.weight")
            out[f"model.layers.{int(index) * factor + copy}.{rest}"] = torch.zeros_like(value) if silent else value.clone()
    return out
