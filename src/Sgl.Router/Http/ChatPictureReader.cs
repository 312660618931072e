namespace Sgl.Router;

/// <summary>Reads <c>sgl.pictures</c>: how pictures are made for a large model that is guided by them (see <c>sgl.v1.PicturePolicy</c>).</summary>
internal static class ChatPictureReader
{
    /// <summary>The fields.</summary>
    public static IReadOnlyList<string> Fields { get; } = ["strategy", "crops", "budget"];

    /// <summary>The fields of <c>crops</c>.</summary>
    public static IReadOnlyList<string> CropFields { get; } = ["coverage", "max_crops", "overview_side", "grid", "margin", "omit_captions"];

    /// <summary>The fields of <c>budget</c>.</summary>
    public static IReadOnlyList<string> BudgetFields { get; } = ["detail", "max_pixels", "max_dynamic_patch", "resize_pixels"];

    /// <summary>Reads the policy; null: the router's own.</summary>
    public static Wire.PicturePolicy? Read(BodyObject sgl)
    {
        if (sgl.Object("pictures") is not { } from)
        {
            return null;
        }

        from.Only([.. Fields]);
        return new Wire.PicturePolicy
        {
            Strategy = from.OneOf(
                "strategy", Wire.PictureStrategy.Unspecified, ("none", Wire.PictureStrategy.None), ("crops", Wire.PictureStrategy.Crops), ("budget", Wire.PictureStrategy.Budget)),
            Crops = from.Object("crops") is { } crops ? Crops(crops) : null,
            Budget = from.Object("budget") is { } budget ? Budget(budget) : null,
        };
    }

    // Bounds are those of the contract, which names the field; here only what a message cannot hold is refused.
    private static Wire.CropPolicy Crops(BodyObject from)
    {
        from.Only([.. CropFields]);
        var crops = new Wire.CropPolicy { OmitCaptions = from.Flag("omit_captions") };
        if (from.Number("coverage") is { } coverage)
        {
            crops.Coverage = coverage;
        }

        Set(from, "max_crops", v => crops.MaxCrops = v);
        Set(from, "overview_side", v => crops.OverviewSide = v);
        Set(from, "grid", v => crops.Grid = v);
        Set(from, "margin", v => crops.Margin = v);
        return crops;
    }

    private static Wire.BudgetPolicy Budget(BodyObject from)
    {
        from.Only([.. BudgetFields]);
        var budget = new Wire.BudgetPolicy { Detail = from.Text("detail") ?? "" };
        if (from.Whole("max_pixels", 1, long.MaxValue) is { } maxPixels)
        {
            budget.MaxPixels = (long)maxPixels;
        }

        Set(from, "max_dynamic_patch", v => budget.MaxDynamicPatch = v);
        if (from.Whole("resize_pixels", 1, long.MaxValue) is { } resizePixels)
        {
            budget.ResizePixels = (long)resizePixels;
        }

        return budget;
    }

    private static void Set(BodyObject from, string name, Action<int> assign)
    {
        if (from.Whole(name, 0, int.MaxValue) is { } value)
        {
            assign((int)value);
        }
    }
}
