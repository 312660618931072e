using Sgl.Guidance;
using Sgl.Models;
using Sgl.Vision;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Which visual tokens of a prompt come from which tiles of its images, for every family.</summary>
internal static class PromptTiles
{
    /// <summary>
    /// Tiles in the order in which the tower sees them: an InternVL image's tiles and thumbnail; a LLaVA-OneVision image's base view and the views of its grid;
    /// a Qwen image as one, since its tower attends to all of it.
    /// </summary>
    /// <param name="images">The prompt's images, in its order.</param>
    public static TileTokens Of(IReadOnlyList<VisualInput> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        var builder = new TileTokens.Builder();
        for (var i = 0; i < images.Count; i++)
        {
            Add(builder, i, images[i]);
        }

        return builder.Build();
    }

    /// <summary>How many tiles of an image there are: what its tower encodes one by one.</summary>
    public static int CountOf(VisualInput image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return image.Grid is null ? image.Shape[0] : 1;
    }

    private static void Add(TileTokens.Builder builder, int index, VisualInput image)
    {
        var layout = image.Layout;
        if (image.Grid is not null || CountOf(image) == 1)
        {
            var whole = builder.AddTile(index, isOverview: true);
            foreach (var tile in layout.Tiles)
            {
                for (var token = 0; token < tile.TokenCount; token++)
                {
                    AddToken(builder, token % tile.Columns >= tile.ImageColumns, whole);
                }
            }
        }
        else if (image.Packed is { } packed)
        {
            AddPacked(builder, index, layout.Tiles[0].TokenCount, packed);
        }
        else
        {
            foreach (var tile in layout.Tiles)
            {
                var number = builder.AddTile(index, tile.Kind == TileKind.Thumbnail);
                for (var token = 0; token < tile.TokenCount; token++)
                {
                    builder.AddToken(number);
                }
            }
        }
    }

    private static void AddToken(TileTokens.Builder builder, bool isSeparator, int tile)
    {
        if (isSeparator)
        {
            builder.AddSeparator(tile);
        }
        else
        {
            builder.AddToken(tile);
        }
    }

    private static void AddPacked(TileTokens.Builder builder, int index, int baseTokens, PackedGeometry packed)
    {
        var whole = builder.AddTile(index, isOverview: true);
        for (var token = 0; token < baseTokens; token++)
        {
            builder.AddToken(whole);
        }

        var views = new int[packed.GridRows * packed.GridColumns];
        for (var view = 0; view < views.Length; view++)
        {
            views[view] = builder.AddTile(index, isOverview: false);
        }

        var rows = FeaturePacking.Sources(packed.UnpaddedRows, packed.Rows, packed.FirstRow, packed.TokensPerSide);
        var columns = FeaturePacking.Sources(packed.UnpaddedColumns, packed.Columns, packed.FirstColumn, packed.TokensPerSide);
        var row = new SortedSet<int>();
        Span<int> sources = stackalloc int[4];
        foreach (var vertical in rows)
        {
            row.Clear();
            foreach (var horizontal in columns)
            {
                var count = 0;
                foreach (var r in vertical)
                {
                    foreach (var c in horizontal)
                    {
                        sources[count++] = views[(r * packed.GridColumns) + c];
                    }
                }

                builder.AddToken(sources[..count]);
                row.UnionWith(sources[..count].ToArray());
            }

            builder.AddSeparator([.. row]);
        }
    }
}
