namespace Sgl.Models;

/// <summary>
/// Position ids of a prompt, and how they go on in decode. Pruning never renumbers: tokens that stay keep their ids, and the
/// generated tokens continue as if nothing had been dropped.
/// </summary>
public sealed class PositionIds
{
    private readonly int[] _values;

    private PositionIds(int axes, int[] values, int next)
    {
        Axes = axes;
        _values = values;
        Count = values.Length / axes;
        Next = next;
    }

    /// <summary>1, or 3 (t, h, w) for M-RoPE.</summary>
    public int Axes { get; }

    /// <summary>S, prompt tokens.</summary>
    public int Count { get; }

    /// <summary>Axis-major [<see cref="Axes"/>, S].</summary>
    public ReadOnlyMemory<int> Values => _values;

    /// <summary>Position of the first generated token, the same on all axes.</summary>
    public int Next { get; }

    /// <summary>Qwen2-VL's <c>rope_delta</c>: <see cref="Next"/> - S; 0 without M-RoPE.</summary>
    public int RopeDelta => Next - Count;

    /// <summary>0..S-1 on one axis (InternVL, LLaVA-OneVision).</summary>
    /// <param name="count">S.</param>
    public static PositionIds Sequential(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return new PositionIds(1, [.. Enumerable.Range(0, count)], count);
    }

    /// <summary>Qwen2-VL: text counts up on all axes, an image spreads over frames, rows and columns, text goes on behind the largest id.</summary>
    /// <param name="count">S.</param>
    /// <param name="images">The images in the order of the prompt, not overlapping.</param>
    /// <exception cref="ArgumentException">The images do not fit into the prompt.</exception>
    public static PositionIds Multimodal(int count, IReadOnlyList<VisualGrid> images)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentNullException.ThrowIfNull(images);
        var values = new int[3 * count];
        int index = 0, next = 0;
        foreach (var image in images)
        {
            if (image.Frames < 1 || image.Rows < 1 || image.Columns < 1 || image.Start < index || image.Start + (long)image.Count > count)
            {
                throw new ArgumentException($"{image} does not fit behind token {index} of {count}.", nameof(images));
            }

            next = Text(values, count, index, image.Start, next);
            next = Image(values, count, image, next);
            index = image.Start + image.Count;
        }

        return new PositionIds(3, values, Text(values, count, index, count, next));
    }

    private static int Text(int[] values, int count, int from, int to, int next)
    {
        for (var i = from; i < to; i++, next++)
        {
            values[i] = values[count + i] = values[(2 * count) + i] = next;
        }

        return next;
    }

    private static int Image(int[] values, int count, VisualGrid image, int next)
    {
        for (var i = 0; i < image.Count; i++)
        {
            values[image.Start + i] = next + (i / (image.Rows * image.Columns));
            values[count + image.Start + i] = next + (i / image.Columns % image.Rows);
            values[(2 * count) + image.Start + i] = next + (i % image.Columns);
        }

        return next + Math.Max(image.Frames, Math.Max(image.Rows, image.Columns));
    }
}
