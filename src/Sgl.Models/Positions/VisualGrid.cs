namespace Sgl.Models;

/// <summary>An image inside a prompt, as Qwen2-VL's position ids see it.</summary>
/// <param name="Start">Index of its first visual token.</param>
/// <param name="Frames">Frame pairs, 1 for a still image.</param>
/// <param name="Rows">Token rows, after merging.</param>
/// <param name="Columns">Token columns, after merging.</param>
public readonly record struct VisualGrid(int Start, int Frames, int Rows, int Columns)
{
    /// <summary>Visual tokens.</summary>
    public int Count => Frames * Rows * Columns;
}
