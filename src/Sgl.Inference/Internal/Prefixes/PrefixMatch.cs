using Sgl.Guidance;

namespace Sgl.Inference.Internal.Prefixes;

/// <summary>The kept rows that a prompt begins with.</summary>
/// <param name="Path">Nodes from the first row on; of each the rows in front of the next one's start count, of the last those in front of <see cref="Rows"/>.</param>
/// <param name="Rows">How many rows are the same.</param>
internal readonly record struct PrefixMatch(IReadOnlyList<PrefixNode> Path, int Rows)
{
    /// <summary>Behind the last row of a node that belongs to the prompt.</summary>
    public int EndOf(int index) => index + 1 < Path.Count ? Path[index + 1].Start : Rows;

    /// <summary>How many rows can be left out by a prompt that prunes in front of a stage.</summary>
    /// <param name="stage">The stage; the number of stages: none.</param>
    /// <param name="beforeImages">Rows of the prompt in front of its first image.</param>
    public int RowsServing(int stage, int beforeImages)
    {
        for (var i = 0; i < Path.Count; i++)
        {
            if (!Path[i].Serves(stage, EndOf(i) <= beforeImages))
            {
                return Path[i].Start;
            }
        }

        return Rows;
    }

    /// <summary>Sums over rows of a kind up to the end of one of the nodes, the longest.</summary>
    /// <param name="rows">The rows that count.</param>
    /// <param name="from">In front of this the end says nothing.</param>
    /// <param name="most">Rows at most.</param>
    public (AttentionSums Sums, int Rows)? LongestSums(ImportanceRows rows, int from, int most)
    {
        for (var i = Path.Count - 1; i >= 0; i--)
        {
            var node = Path[i];
            if (node.End == EndOf(i) && node.End > from && node.End <= most && node.Sums is { } sums && sums.Rows == rows)
            {
                return (sums, node.End);
            }
        }

        return null;
    }
}
