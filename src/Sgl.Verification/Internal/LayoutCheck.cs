using Sgl.Vision;

namespace Sgl.Verification.Internal;

/// <summary>Compares where an image's visual tokens are with what a manifest of the families' set says.</summary>
internal static class LayoutCheck
{
    /// <param name="comparison">Collects.</param>
    /// <param name="visual">The preprocessed image.</param>
    /// <param name="expected">The manifest's <c>layout</c> (LLaVA-OneVision, InternVL) or <c>grid_thw</c> (Qwen-VL), by key; other keys are left alone.</param>
    public static void Run(Comparison comparison, VisualInput visual, IReadOnlyDictionary<string, int[]> expected)
    {
        foreach (var (key, actual) in Actual(visual))
        {
            if (expected.TryGetValue(key, out var value))
            {
                comparison.Identical($"layout.{key}", actual, value);
            }
        }
    }

    /// <summary>Newline tokens of the image, counted from its first visual token.</summary>
    public static int[] Newlines(VisualLayout layout) => [.. Enumerable.Range(0, layout.TokenCount).Where(t => layout.Locate(t).IsNewline)];

    private static IEnumerable<(string Key, int[] Actual)> Actual(VisualInput visual)
    {
        if (visual.Grid is { } grid)
        {
            yield return ("grid_thw", [grid.T, grid.H, grid.W]);
            yield break;
        }

        if (visual.Packed is not { } packed)
        {
            var cells = visual.Layout.Tiles.Where(t => t.Kind == TileKind.Tile).ToArray();
            yield return ("tiles", [visual.Layout.Tiles.Count]);
            yield return ("grid_tiles", [cells.DistinctBy(t => t.Y).Count(), cells.DistinctBy(t => t.X).Count()]);
            yield return ("thumbnail", [visual.Layout.Tiles.Count - cells.Length]);
            yield break;
        }

        yield return ("tiles", [visual.Shape[0]]);
        yield return ("tokens_per_side", [packed.TokensPerSide]);
        yield return ("grid_tiles", [packed.GridRows, packed.GridColumns]);
        yield return ("unpadded", [packed.UnpaddedRows, packed.UnpaddedColumns]);
        yield return ("unpad_offset", [packed.FirstRow, packed.FirstColumn]);
        yield return ("final_rows", [packed.Rows]);
        yield return ("final_cols", [packed.Columns]);
        yield return ("base_tokens", [visual.Layout.Tiles[0].TokenCount]);
    }
}
