using Sgl.Guidance;
using Sgl.Inference;

namespace Sgl.Verification.Internal;

/// <summary>Questions that begin as a case's does: what an engine keeps of the one is what the other begins with.</summary>
internal static class Neighbours
{
    /// <summary>Another question of the same length about the same image, and the case's own, apart from all other prompts.</summary>
    /// <param name="prompt">The case's prompt.</param>
    /// <param name="scope">Its own.</param>
    /// <returns>Both, and how many rows the case's can leave out behind the other.</returns>
    public static (PreparedPrompt Other, PreparedPrompt Same, int Common) Of(PreparedPrompt prompt, string scope)
    {
        var text = prompt.Spans[^1].Start + prompt.Spans[^1].Count;
        var ids = prompt.Ids.ToArray();
        Array.Reverse(ids, text, ids.Length - text);
        if (ids.SequenceEqual(prompt.Ids) && text < ids.Length)
        {
            ids[text] = ids[text] == 0 ? 1 : 0;
        }

        PreparedPrompt Of(int[] which) => new(which, prompt.Spans, prompt.Images) { CacheScope = scope };
        return (Of(ids), Of(prompt.Ids), Math.Min(ids.Length - 1, ids.AsSpan().CommonPrefixLength(prompt.Ids)));
    }

    /// <summary>What a mask drops.</summary>
    public static KeepMask Others(KeepMask kept) => KeepMask.FromIndices(kept.Length, [.. Enumerable.Range(0, kept.Length).Where(i => !kept[i])]);
}
