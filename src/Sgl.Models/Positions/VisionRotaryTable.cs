namespace Sgl.Models;

/// <summary>The 2-D rotary embedding of the Qwen families' vision towers.</summary>
public sealed class VisionRotaryTable
{
    /// <summary>Base of the frequencies, which no configuration changes.</summary>
    internal const double Theta = 10_000;

    private readonly int _merge;
    private readonly float[] _frequencies;

    /// <summary>Prepares the frequencies.</summary>
    /// <param name="config">A tower whose head_dim is a multiple of 4.</param>
    public VisionRotaryTable(VisionConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var headDim = config.HiddenSize / config.Heads;
        ArgumentOutOfRangeException.ThrowIfNotEqual(headDim % 4, 0, nameof(config));
        _merge = config.MergeSize;
        _frequencies = RotaryTable.InverseFrequencies(Theta, headDim / 2);
    }

    /// <summary>Numbers per patch: head_dim / 2; the first half turns with the row, the second with the column.</summary>
    public int Width => 2 * _frequencies.Length;

    /// <summary>Computes the rows of one image's patches, in the order of the merge blocks, repeated for every frame pair.</summary>
    /// <param name="grid"><c>image_grid_thw</c>: frame pairs, patch rows, patch columns; rows and columns are multiples of the merge size.</param>
    /// <param name="cos">[t * h * w, <see cref="Width"/>].</param>
    /// <param name="sin">[t * h * w, <see cref="Width"/>].</param>
    public void Compute((int T, int H, int W) grid, Span<float> cos, Span<float> sin)
    {
        if (grid.T < 1 || grid.H < 1 || grid.W < 1 || grid.H % _merge != 0 || grid.W % _merge != 0)
        {
            throw new ArgumentException($"A grid of {grid.T} x {grid.H} x {grid.W} patches is not made of {_merge} x {_merge} blocks.", nameof(grid));
        }

        var numbers = (long)grid.T * grid.H * grid.W * Width;
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)cos.Length, numbers, nameof(cos));
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)sin.Length, numbers, nameof(sin));
        var frame = grid.H * grid.W * Width;
        Frame(grid.H, grid.W, cos[..frame], sin[..frame]);
        for (var t = 1; t < grid.T; t++)
        {
            cos[..frame].CopyTo(cos[(t * frame)..]);
            sin[..frame].CopyTo(sin[(t * frame)..]);
        }
    }

    private void Frame(int height, int width, Span<float> cos, Span<float> sin)
    {
        var side = Math.Max(height, width);
        var half = _frequencies.Length;
        var cosOf = new float[side * half];
        var sinOf = new float[side * half];
        for (var i = 0; i < cosOf.Length; i++)
        {
            (sinOf[i], cosOf[i]) = MathF.SinCos(i / half * _frequencies[i % half]);
        }

        var row = 0;
        for (var blockY = 0; blockY < height; blockY += _merge)
        {
            for (var blockX = 0; blockX < width; blockX += _merge)
            {
                for (var i = 0; i < _merge * _merge; i++, row++)
                {
                    int y = blockY + (i / _merge), x = blockX + (i % _merge);
                    cosOf.AsSpan(y * half, half).CopyTo(cos[(row * 2 * half)..]);
                    cosOf.AsSpan(x * half, half).CopyTo(cos[(((row * 2) + 1) * half)..]);
                    sinOf.AsSpan(y * half, half).CopyTo(sin[(row * 2 * half)..]);
                    sinOf.AsSpan(x * half, half).CopyTo(sin[(((row * 2) + 1) * half)..]);
                }
            }
        }
    }
}
