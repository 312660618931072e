using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference.Internal.Prefixes;

/// <summary>Visual tokens of one image in a prompt, and what they are.</summary>
/// <param name="Start">Position of the first.</param>
/// <param name="Count">How many.</param>
/// <param name="Key">Digest of all that the vision tower is fed.</param>
internal readonly record struct ImageContent(int Start, int Count, VisionKey Key);

/// <summary>
/// All that keys and values of a prompt's rows depend on, in one engine: ids, position ids on every axis, images. Two prompts that agree in their first n rows have
/// the same keys and values there, as causal attention looks at nothing behind. Immutable.
/// </summary>
internal sealed class PromptContent
{
    private readonly int[] _ids;
    private readonly int[][] _axes;
    private readonly ImageContent[] _images;

    /// <param name="ids">Ids, [S].</param>
    /// <param name="axes">Position ids, [axes][S].</param>
    /// <param name="images">Images by rising position.</param>
    /// <param name="largestPosition">Largest position id of the prompt's pass, which decides how its keys are rotated.</param>
    public PromptContent(int[] ids, int[][] axes, ImageContent[] images, int largestPosition)
    {
        (_ids, _axes, _images, LargestPosition) = (ids, axes, images, largestPosition);
    }

    /// <summary>S.</summary>
    public int Count => _ids.Length;

    /// <summary>Memory taken.</summary>
    public long Bytes => (long)Count * (1 + _axes.Length) * sizeof(int);

    /// <summary>Largest position id of the prompt's pass.</summary>
    public int LargestPosition { get; }

    /// <summary>Rows in front of the first image; all without images. They see no visual token, so that no pruning changes them.</summary>
    public int RowsBeforeImages => _images.Length == 0 ? Count : _images[0].Start;

    /// <summary>How many images.</summary>
    public int ImageCount => _images.Length;

    /// <summary>Row of the last visual token; -1 without any.</summary>
    public int LastVisual => _images.Length == 0 ? -1 : _images[^1].Start + _images[^1].Count - 1;

    /// <summary>The image whose visual tokens begin at a row; null: none does.</summary>
    public ImageContent? ImageAt(int row)
    {
        foreach (var image in _images)
        {
            if (image.Start == row)
            {
                return image;
            }
        }

        return null;
    }

    /// <summary>The rows of a prepared prompt, and of an answer behind it.</summary>
    /// <param name="sequence">The request.</param>
    /// <param name="keys">One for each image.</param>
    /// <param name="answer">Ids behind the prompt.</param>
    public static PromptContent Of(Sequence sequence, IReadOnlyList<VisionKey> keys, ReadOnlySpan<int> answer = default)
    {
        var (prompt, positions) = (sequence.Prompt, sequence.Positions);
        int[] ids = prompt.Ids;
        var axes = positions.Axes;
        if (answer.Length > 0)
        {
            int[] behind = [.. Enumerable.Range(ids.Length + positions.Delta, answer.Length)];
            ids = [.. ids, .. answer];
            axes = Array.ConvertAll(axes, axis => (int[])[.. axis, .. behind]);
        }

        return new PromptContent(ids, axes, [.. prompt.Spans.Select((s, i) => new ImageContent(s.Start, s.Count, keys[i]))], positions.Largest);
    }

    /// <summary>How many rows from <paramref name="from"/> on, in front of <paramref name="to"/>, are the same in both. Those in front of <paramref name="from"/> are taken to be.</summary>
    public int Common(PromptContent other, int from, int to)
    {
        to = Math.Min(to, Math.Min(Count, other.Count));
        for (var i = 0; from < to; i++)
        {
            var (mine, theirs) = (i < _images.Length ? _images[i] : default(ImageContent?), i < other._images.Length ? other._images[i] : default(ImageContent?));
            if (mine != theirs)
            {
                // Part of an image is no image: a single one of its rows depends on all of it.
                to = Math.Min(to, Math.Min(mine?.Start ?? int.MaxValue, theirs?.Start ?? int.MaxValue));
                break;
            }

            if (mine is null || mine.Value.Start >= to)
            {
                break;
            }
        }

        if (to <= from)
        {
            return 0;
        }

        var common = _ids.AsSpan(from, to - from).CommonPrefixLength(other._ids.AsSpan(from, to - from));
        for (var a = 0; a < _axes.Length; a++)
        {
            common = _axes[a].AsSpan(from, common).CommonPrefixLength(other._axes[a].AsSpan(from, common));
        }

        return common;
    }

    /// <summary>Where what is kept from a row on ends: in front of the next image, or behind it, so that other prompts can share just that.</summary>
    public int NextCut(int row)
    {
        foreach (var image in _images)
        {
            if (image.Start > row)
            {
                return image.Start;
            }

            if (image.Start + image.Count > row)
            {
                return image.Start + image.Count;
            }
        }

        return Count;
    }
}
