using Sgl.Guidance;
using Sgl.Text;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Where the visual tokens of a prompt are among the rows that are still there, while steps of a prune plan drop some.</summary>
internal sealed class VisualRows
{
    private readonly int _visualTokens;
    private readonly HashSet<int> _lastTokens;
    private int[] _rows;
    private int[] _tokens;

    /// <param name="positions">Prompt position of each visual token, ascending.</param>
    /// <param name="spans">The images they belong to.</param>
    public VisualRows(int[] positions, IReadOnlyList<ImageSpan> spans)
    {
        _visualTokens = positions.Length;
        _lastTokens = [];
        var end = 0;
        foreach (var span in spans)
        {
            end += span.Count;
            _lastTokens.Add(end - 1);
        }

        _rows = positions;
        _tokens = [.. Enumerable.Range(0, positions.Length)];
    }

    /// <summary>Row of each visual token that is left, ascending.</summary>
    public ReadOnlySpan<int> Rows => _rows;

    /// <summary>Drops visual tokens that the mask does not keep.</summary>
    /// <param name="mask">Over all N_I visual tokens of the request.</param>
    /// <param name="rowCount">Rows before.</param>
    /// <returns>Rows that stay, by their number before.</returns>
    public int[] Drop(KeepMask mask, int rowCount)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mask.Length, _visualTokens);
        List<int> kept = [], rows = [], tokens = [];
        var next = 0;
        for (var row = 0; row < rowCount; row++)
        {
            var isVisual = next < _rows.Length && _rows[next] == row;
            if (isVisual && mask[_tokens[next]])
            {
                rows.Add(kept.Count);
                tokens.Add(_tokens[next]);
            }

            if (!isVisual || mask[_tokens[next]])
            {
                kept.Add(row);
            }

            next += isVisual ? 1 : 0;
        }

        _rows = [.. rows];
        _tokens = [.. tokens];
        return [.. kept];
    }

    /// <summary>
    /// Query rows that count: text behind the first image (<see cref="ImportanceRows.Prompt"/>), the last visual token of every image
    /// (<see cref="ImportanceRows.LastVisual"/>), the last row (<see cref="ImportanceRows.LastPrompt"/>). Without any, the last row with no effect on A.
    /// </summary>
    public long[] QueryRows(ImportanceRows which, int rowCount)
    {
        List<long> rows = [];
        var next = 0;
        for (var row = 0; row < rowCount; row++)
        {
            var isVisual = next < _rows.Length && _rows[next] == row;
            var endsImage = isVisual && _lastTokens.Contains(_tokens[next]);
            next += isVisual ? 1 : 0;
            if ((!isVisual && next > 0 && which.HasFlag(ImportanceRows.Prompt))
                || (endsImage && which.HasFlag(ImportanceRows.LastVisual))
                || (row == rowCount - 1 && which.HasFlag(ImportanceRows.LastPrompt)))
            {
                rows.Add(row);
            }
        }

        return rows.Count > 0 ? [.. rows] : [rowCount - 1];
    }
}
