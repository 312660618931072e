using Sgl.Guidance;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>Checks guidance by pictures against the request that it came with.</summary>
internal static class PictureRules
{
    private const string Field = "guidance.pictures";

    /// <summary>Notes what is wrong whatever the images are.</summary>
    public static void CheckShape(Wire.PictureGuidance guidance, ViolationList violations)
    {
        if (guidance.Policy is not { Strategy: not Wire.PictureStrategy.Unspecified })
        {
            violations.Add($"{Field}.policy.strategy", "is required: none, crops or budget");
        }

        PicturePolicyRules.Check(guidance.Policy, $"{Field}.policy", violations);
    }

    /// <summary>The parts of each image of the prompt, in its order; null: the strategy has none. What is wrong is noted, and the plan then not to be used.</summary>
    /// <param name="guidance">Passed <see cref="CheckShape"/>.</param>
    /// <param name="layout">The prompt's own images.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static CropPlan? Plan(Wire.PictureGuidance guidance, Wire.PromptLayout layout, ViolationList violations)
    {
        if (guidance.Policy.Strategy != Wire.PictureStrategy.Crops || layout.Images.Count == 0)
        {
            return null;
        }

        if (guidance.Importance is null)
        {
            violations.Add($"{Field}.importance", "is required with strategy crops: the small model's importance of its visual tokens");
            return null;
        }

        var images = layout.Images.Select((image, i) => Image(image, guidance.Images, violations)).ToList();
        if (violations.Any)
        {
            return null;
        }

        try
        {
            return CropPlan.Create([.. images.Select(i => i!)], guidance.Importance.Values.ToArray(), Options(guidance.Policy.Crops));
        }
        catch (GuidanceException e)
        {
            violations.Add($"{Field}.{e.Field.Replace("importance[", "importance.values[", StringComparison.Ordinal).Replace(".grids[", ".tiles[", StringComparison.Ordinal)}", e.Problem);
            return null;
        }
    }

    private static CropImage? Image(Wire.VisualLayout image, IReadOnlyList<Wire.VisualLayout> told, ViolationList violations)
    {
        var index = Enumerable.Range(0, told.Count).Where(i => told[i].ImageIndex == image.ImageIndex).Select(i => (int?)i).FirstOrDefault();
        if (index is not { } at)
        {
            violations.Add($"{Field}.images", $"image {image.ImageIndex} is missing: where are its visual tokens?");
            return null;
        }

        if ((told[at].Width, told[at].Height) != (image.Width, image.Height))
        {
            violations.Add($"{Field}.images[{at}]", $"has {told[at].Width} x {told[at].Height} pixels, the image of this request has {image.Width} x {image.Height}: both services must see images alike (Requests:ApplyExifOrientation)");
            return null;
        }

        var missing = Enumerable.Range(0, told[at].Tiles.Count).FirstOrDefault(t => told[at].Tiles[t].Area is null, -1);
        if (missing >= 0)
        {
            violations.Add($"{Field}.images[{at}].tiles[{missing}].area", "is required");
            return null;
        }

        return new CropImage(image.Width, image.Height, [.. told[at].Tiles.Select(t => new TokenGrid(
            t.Area.Left, t.Area.Top, t.Area.Width, t.Area.Height, t.RowCount, t.ColumnCount, t.FirstToken, t.NewlineColumnCount, t.Kind is Wire.TileKind.Thumbnail or Wire.TileKind.Base))]);
    }

    private static CropOptions Options(Wire.CropPolicy? policy)
    {
        var defaults = new CropOptions();
        return policy is null ? defaults : new CropOptions
        {
            Coverage = policy.HasCoverage ? policy.Coverage : defaults.Coverage,
            MaxCrops = policy.HasMaxCrops ? policy.MaxCrops : defaults.MaxCrops,
            Grid = policy.HasGrid ? policy.Grid : defaults.Grid,
            Margin = policy.HasMargin ? policy.Margin : defaults.Margin,
        };
    }
}
