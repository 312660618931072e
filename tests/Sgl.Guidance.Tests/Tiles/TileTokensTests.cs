using CsCheck;

namespace Sgl.Guidance.Tests;

public class TileTokensTests
{
    /// <summary>Two tiles and a thumbnail of two tokens each.</summary>
    internal static TileTokens Simple(params bool[] overviews)
    {
        var builder = new TileTokens.Builder();
        foreach (var isOverview in overviews)
        {
            var tile = builder.AddTile(0, isOverview);
            builder.AddToken(tile);
            builder.AddToken(tile);
        }

        return builder.Build();
    }

    [Fact]
    public void TokensOf_TileIsMissing_LeavesOutItsTokensAndMixedOnesAndEmptyRows()
    {
        var builder = new TileTokens.Builder();
        int a = builder.AddTile(0, false), b = builder.AddTile(0, false), c = builder.AddTile(0, false);
        builder.AddToken(a);
        builder.AddToken(a, b);
        builder.AddSeparator(a, b);
        builder.AddToken(c);
        builder.AddSeparator(c);
        var tiles = builder.Build();

        Assert.Equal([0, 2], tiles.TokensOf([true, false, false]).Indices());
        Assert.Empty(tiles.TokensOf([false, true, false]).Indices());
        Assert.Equal([3, 4], tiles.TokensOf([false, false, true]).Indices());
        Assert.Equal([0, 1, 2, 3, 4], tiles.TokensOf([true, true, true]).Indices());
        Assert.Equal((3, 5), (tiles.TileCount, tiles.TokenCount));
    }

    [Fact]
    public void TokensOf_RowAtABorder_ItsSeparatorGoesWithItsTokens()
    {
        // A base view, and two views one below the other: the middle row is made from both.
        var builder = new TileTokens.Builder();
        int whole = builder.AddTile(0, true), upper = builder.AddTile(0, false), lower = builder.AddTile(0, false);
        builder.AddToken(whole);
        builder.AddToken(upper);
        builder.AddSeparator(upper);
        builder.AddToken(upper, lower);
        builder.AddSeparator(upper, lower);
        builder.AddToken(lower);
        builder.AddSeparator(lower);
        var tiles = builder.Build();

        Assert.Equal([0, 5, 6], tiles.TokensOf([true, false, true]).Indices());
        Assert.Equal([0, 1, 2], tiles.TokensOf([true, true, false]).Indices());
        Assert.Equal([0], tiles.TokensOf([true, false, false]).Indices());
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], tiles.TokensOf([true, true, true]).Indices());
    }

    [Fact]
    public void TilesFor_Tokens_NamesAllTheyAreMadeFrom()
    {
        var builder = new TileTokens.Builder();
        int a = builder.AddTile(0, false), b = builder.AddTile(0, false);
        builder.AddToken(a);
        builder.AddToken(b, a);
        builder.AddSeparator(a, b);
        var tiles = builder.Build();

        Assert.Equal([true, false], tiles.TilesFor(KeepMask.FromIndices(3, [0])));
        Assert.Equal([true, true], tiles.TilesFor(KeepMask.FromIndices(3, [1])));
        Assert.Equal([false, false], tiles.TilesFor(KeepMask.FromIndices(3, [2])));
        Assert.Equal([true, true], tiles.TilesFor(null));
        Assert.Equal((1, 3), (tiles.CountOf([true, false]), tiles.CountOf([true, true])));
        Assert.Throws<GuidanceException>(() => tiles.TilesFor(KeepMask.All(4)));
    }

    [Fact]
    public void TokensOf_TilesForThem_AreEncoded() => Gen.Select(Gen.Int[1, 6], Gen.Int[0, 5].Array[0, 40], Gen.Bool.Array[6]).Sample((count, of, encoded) =>
    {
        var builder = new TileTokens.Builder();
        for (var t = 0; t < count; t++)
        {
            builder.AddTile(0, false);
        }

        for (var i = 0; i < of.Length; i++)
        {
            int first = of[i] % count, second = (of[i] + i) % count;
            if (i % 7 == 6)
            {
                builder.AddSeparator(first);
            }
            else if (first == second)
            {
                builder.AddToken(first);
            }
            else
            {
                builder.AddToken(first, second);
            }
        }

        var tiles = builder.Build();
        var needed = tiles.TilesFor(tiles.TokensOf(encoded.AsSpan(0, count)));
        Assert.All(Enumerable.Range(0, count), t => Assert.True(!needed[t] || encoded[t]));
    });

    [Fact]
    public void AddToken_OfNoTile_Throws()
    {
        var builder = new TileTokens.Builder();
        Assert.ThrowsAny<ArgumentException>(() => builder.AddToken());
        Assert.ThrowsAny<ArgumentException>(() => builder.AddToken(0));
        Assert.ThrowsAny<ArgumentException>(() => builder.AddSeparator(-1));
    }
}
