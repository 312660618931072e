namespace Sgl.Models;

/// <summary>How far the answer of one model can be a draft for another.</summary>
public enum DraftSharing
{
    /// <summary>Not at all: the ids mean something else, or a folder has no tokenizer.</summary>
    None,

    /// <summary>Up to the first added token that the two do not share.</summary>
    OrdinaryTokens,

    /// <summary>Always: all ids mean the same.</summary>
    AllTokens,
}

/// <summary>Whether a small model can guide a large one, as their folders tell.</summary>
public sealed record CheckpointPair
{
    private CheckpointPair(IReadOnlyList<string> obstacles, DraftSharing drafts, IReadOnlyList<string> unsharedTokens)
    {
        Obstacles = obstacles;
        Drafts = drafts;
        UnsharedTokens = unsharedTokens;
    }

    /// <summary>Why guidance is not possible; empty where it is.</summary>
    public IReadOnlyList<string> Obstacles { get; }

    /// <summary>Whether any image gives both models the same visual tokens in the same order, so that importance maps one to one.</summary>
    public bool CanGuide => Obstacles.Count == 0;

    /// <summary>Whether the small answer can be a draft.</summary>
    public DraftSharing Drafts { get; }

    /// <summary>With <see cref="DraftSharing.OrdinaryTokens"/>: added tokens at which a draft ends, as <c>token (id)</c>.</summary>
    public IReadOnlyList<string> UnsharedTokens { get; }

    /// <summary>Compares two folders.</summary>
    /// <param name="small">The model that is asked first.</param>
    /// <param name="large">The model that is to be guided.</param>
    public static CheckpointPair Of(Checkpoint small, Checkpoint large)
    {
        ArgumentNullException.ThrowIfNull(small);
        ArgumentNullException.ThrowIfNull(large);
        var obstacles = LayoutKeys.Differences(small.VisualLayoutKey, large.VisualLayoutKey);
        if (small.Vocabulary is not { } one || large.Vocabulary is not { } other || one.OrdinaryDigest != other.OrdinaryDigest)
        {
            return new CheckpointPair(obstacles, DraftSharing.None, []);
        }

        if (one.Digest == other.Digest)
        {
            return new CheckpointPair(obstacles, DraftSharing.AllTokens, []);
        }

        var unshared = one.AddedTokens.Where(t => !other.AddedTokens.TryGetValue(t.Key, out var token) || token != t.Value)
            .OrderBy(t => t.Key).Select(t => FormattableString.Invariant($"{t.Value} ({t.Key})"));
        return new CheckpointPair(obstacles, DraftSharing.OrdinaryTokens, [.. unshared]);
    }
}
