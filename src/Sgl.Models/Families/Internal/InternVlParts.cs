using Sgl.Vision;

namespace Sgl.Models.Internal;

/// <summary>What the two layouts of InternVL have in common: they are one model under different names.</summary>
internal static class InternVlParts
{
    public const int MostTiles = 1024;

    public static void RefuseFlash(ConfigReader config)
    {
        if (config.Bool("flash_mode", false))
        {
            config.Problem("flash_mode", "false", hint: UnsupportedModels.Flash);
        }
    }

    /// <summary>The tensors of the part that chooses how many tokens a tile gets.</summary>
    public static string? WhyRefused(string tensor) =>
        tensor.StartsWith("gating.", StringComparison.Ordinal) || tensor.StartsWith("pooling_before_gating.", StringComparison.Ordinal) ? UnsupportedModels.Flash : null;

    /// <summary>Side of the square of patches that becomes one token, from <c>downsample_ratio</c>.</summary>
    public static int MergeSize(ConfigReader top)
    {
        var ratio = top.PositiveNumber("downsample_ratio", 0.5);
        var merge = (int)Math.Round(Math.Min(1 / ratio, 1 << 10));
        if (merge >= 1 && Math.Abs((merge * ratio) - 1) <= 1e-9)
        {
            return merge;
        }

        top.Problem("downsample_ratio", "1/n with a whole number n, such as 0.5");
        return 1;
    }

    /// <summary>Sizes that must go into each other, once each of them is sound.</summary>
    public static void CheckTower(ConfigReader top, ConfigReader vision, VisionConfig tower)
    {
        VisionParsing.CheckHeads(vision, "hidden_size", tower.HiddenSize, "num_attention_heads", tower.Heads);
        VisionParsing.CheckChannels(vision, "num_channels", tower.Channels);
        if (tower.ImageSize % tower.PatchSize != 0)
        {
            vision.Problem("image_size", $"a multiple of patch_size ({tower.PatchSize})");
        }
        else if (tower.ImageSize / tower.PatchSize % tower.MergeSize != 0)
        {
            top.Problem("downsample_ratio", $"a ratio 1/n whose n divides the {tower.ImageSize / tower.PatchSize} patches of a tile's side");
        }
    }

    public static int TokensPerTile(VisionConfig tower)
    {
        var side = tower.ImageSize / tower.PatchSize / tower.MergeSize;
        return side * side;
    }

    /// <summary>Preprocessing and layout key; the key is the same for both layouts where the numbers are.</summary>
    public static (IImagePreprocessor Preprocessor, string LayoutKey) Preprocessor(VlmConfig config, ConfigReader? preprocessorConfig)
    {
        var defaults = new InternVlImageOptions();
        var (mean, std) = ImageNormalization.Read(preprocessorConfig, defaults.Mean, defaults.Std);
        var options = new InternVlImageOptions
        {
            ImageSize = config.TileSize,
            MinTiles = config.MinTiles,
            MaxTiles = config.MaxTiles,
            UseThumbnail = config.UseThumbnail,
            DynamicImageSize = config.DynamicImageSize,
            TokensPerTileSide = config.TileSize / config.Vision.PatchSize / config.Vision.MergeSize,
            Mean = mean,
            Std = std,
        };
        var order = config.Vision.TransposedShuffle ? "columns" : "rows";
        return (
            new InternVlPreprocessor(options),
            $"internvl;tile={options.ImageSize};tokens={options.TokensPerTileSide}x{options.TokensPerTileSide};order={order};tiles={options.MinTiles}..{options.MaxTiles};thumbnail={options.UseThumbnail};dynamic={options.DynamicImageSize}");
    }
}
