namespace Sgl.Policies;

/// <summary>The exit scores of a sample: shares of them between edges, so that a router can tell when its own have become others.</summary>
/// <param name="Edges">Rising; the first bin is below the first edge, the last one at or above the last.</param>
/// <param name="Shares">One more than edges, each 0 to 1, 1 together.</param>
public sealed record ScoreBins(IReadOnlyList<double> Edges, IReadOnlyList<double> Shares)
{
    internal string? Problem() =>
        Edges is null || Shares is null || Edges.Count == 0 || Shares.Count != Edges.Count + 1 ? "need one more share than edges, and an edge"
        : Edges.Zip(Edges.Skip(1)).Any(e => !(e.First < e.Second)) ? "have edges that do not rise"
        : Shares.Any(s => !(s >= 0)) || Math.Abs(Shares.Sum() - 1) > 1e-3 ? "have shares that are not 1 together"
        : null;
}
