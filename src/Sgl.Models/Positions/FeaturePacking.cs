using System.Numerics.Tensors;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>
/// Joins LLaVA-OneVision's projected features of an image's views to the row of visual tokens that the decoder sees:
/// the base view's tokens, then the grid of the other views without padding, reduced where it is too large, one newline at the
/// end of each row.
/// </summary>
public static class FeaturePacking
{
    /// <summary>Visual tokens of an image.</summary>
    /// <param name="tokensPerView">Tokens of one view.</param>
    /// <param name="geometry">The packing; null where there is only the base view, which gets one newline.</param>
    public static int TokenCount(int tokensPerView, PackedGeometry? geometry) => tokensPerView + (geometry?.TokenCount ?? 1);

    /// <summary>Packs the features of one image.</summary>
    /// <param name="projected">[views, tokensPerView, hidden], base view first.</param>
    /// <param name="tokensPerView">Tokens of one view.</param>
    /// <param name="hidden">Width of the decoder.</param>
    /// <param name="geometry">The packing; null where there is only the base view.</param>
    /// <param name="newline"><c>image_newline</c>, [hidden].</param>
    /// <param name="packed">[<see cref="TokenCount"/>, hidden].</param>
    public static void Pack(ReadOnlySpan<float> projected, int tokensPerView, int hidden, PackedGeometry? geometry, ReadOnlySpan<float> newline, Span<float> packed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tokensPerView, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(hidden, 1);
        var views = 1L + ((geometry?.GridRows ?? 0) * (geometry?.GridColumns ?? 0));
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)projected.Length, views * tokensPerView * hidden, nameof(projected));
        ArgumentOutOfRangeException.ThrowIfNotEqual(newline.Length, hidden, nameof(newline));
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)packed.Length, (long)TokenCount(tokensPerView, geometry) * hidden, nameof(packed));
        var baseView = tokensPerView * hidden;
        projected[..baseView].CopyTo(packed);
        var rest = packed[baseView..];
        if (geometry is null)
        {
            newline.CopyTo(rest);
            return;
        }

        ArgumentOutOfRangeException.ThrowIfNotEqual(tokensPerView, geometry.TokensPerSide * geometry.TokensPerSide, nameof(tokensPerView));
        var grid = new ViewGrid(projected[baseView..], geometry, hidden);
        var rowLength = (geometry.Columns + 1) * hidden;
        var horizontal = Axis(geometry.UnpaddedColumns, geometry.Columns);
        var vertical = Axis(geometry.UnpaddedRows, geometry.Rows);
        var upper = new float[hidden];
        var lower = new float[hidden];
        for (var row = 0; row < geometry.Rows; row++)
        {
            var target = rest.Slice(row * rowLength, rowLength);
            for (var column = 0; column < geometry.Columns; column++)
            {
                var token = target.Slice(column * hidden, hidden);
                if (!geometry.IsReduced)
                {
                    grid.Token(row, column).CopyTo(token);
                    continue;
                }

                // Along a row first, then across rows: the order of the reference's interpolation.
                var (y, x) = (vertical[row], horizontal[column]);
                Mix(grid.Token(y.First, x.First), x.Weight0, grid.Token(y.First, x.Second), x.Weight1, upper);
                Mix(grid.Token(y.Second, x.First), x.Weight0, grid.Token(y.Second, x.Second), x.Weight1, lower);
                Mix(upper, y.Weight0, lower, y.Weight1, token);
            }

            newline.CopyTo(target[(geometry.Columns * hidden)..]);
        }
    }

    /// <summary>Where in a packed grid its views begin: for each row and each column of views the first token row or column that shows most of it.</summary>
    /// <param name="geometry">The packing.</param>
    public static (int[] Rows, int[] Columns) ViewBorders(PackedGeometry geometry)
    {
        ArgumentNullException.ThrowIfNull(geometry);
        return (
            Borders(Sources(geometry.UnpaddedRows, geometry.Rows, geometry.FirstRow, geometry.TokensPerSide), geometry.GridRows),
            Borders(Sources(geometry.UnpaddedColumns, geometry.Columns, geometry.FirstColumn, geometry.TokensPerSide), geometry.GridColumns));

        static int[] Borders(int[][] sources, int views) => [.. Enumerable.Range(0, views).Select(view => sources.TakeWhile(s => s[0] < view).Count())];
    }

    /// <summary>The rows (or columns) of views that each packed row (or column) is made from: one, or two where it is interpolated across a border, the nearer first.</summary>
    /// <param name="input">Token rows before the reduction.</param>
    /// <param name="output">Token rows after it.</param>
    /// <param name="first">First token row that is kept.</param>
    /// <param name="side">Token rows of a view.</param>
    public static int[][] Sources(int input, int output, int first, int side) => Array.ConvertAll(Axis(input, output), axis =>
    {
        var (near, far) = ((axis.First + first) / side, (axis.Second + first) / side);
        return near == far || axis.Weight1 == 0 ? [near]
            : axis.Weight0 == 0 ? [far]
            : axis.Weight0 >= axis.Weight1 ? [near, far] : new[] { far, near };
    });

    private static void Mix(ReadOnlySpan<float> a, float weightA, ReadOnlySpan<float> b, float weightB, Span<float> result)
    {
        // Fused on the first product: what the reference's compiled loop does, bit for bit at the hub's sizes.
        TensorPrimitives.Multiply(b, weightB, result);
        TensorPrimitives.FusedMultiplyAdd(a, weightA, result, result);
    }

    /// <summary>Bilinear source indices and weights: align_corners false, no antialiasing.</summary>
    private static (int First, int Second, float Weight0, float Weight1)[] Axis(int input, int output)
    {
        var scale = (float)input / output;
        var axis = new (int, int, float, float)[output];
        for (var i = 0; i < output; i++)
        {
            // The reference's scale is float32, its index arithmetic double.
            var source = (float)Math.Max((scale * (i + 0.5)) - 0.5, 0);
            var first = Math.Min((int)source, input - 1);
            var weight = Math.Clamp(source - first, 0f, 1f);
            axis[i] = (first, Math.Min(first + 1, input - 1), 1 - weight, weight);
        }

        return axis;
    }

    /// <summary>The views laid side by side, seen from the first unpadded row and column.</summary>
    private readonly ref struct ViewGrid(ReadOnlySpan<float> views, PackedGeometry geometry, int hidden)
    {
        private readonly ReadOnlySpan<float> _views = views;

        public ReadOnlySpan<float> Token(int row, int column)
        {
            var side = geometry.TokensPerSide;
            var (viewRow, y) = Math.DivRem(row + geometry.FirstRow, side);
            var (viewColumn, x) = Math.DivRem(column + geometry.FirstColumn, side);
            var view = (viewRow * geometry.GridColumns) + viewColumn;
            return _views.Slice(((view * side * side) + (y * side) + x) * hidden, hidden);
        }
    }
}
