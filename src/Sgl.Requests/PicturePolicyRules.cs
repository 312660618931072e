namespace Sgl.Requests;

/// <summary>Checks how pictures are made for an engine that drops no visual tokens.</summary>
public static class PicturePolicyRules
{
    /// <summary>Most parts of one image.</summary>
    public const int MostCrops = 64;

    /// <summary>Fewest and most pixels of an overview's longer side.</summary>
    public const int LeastOverviewSide = 28, MostOverviewSide = 4096;

    /// <summary>Fewest pixels of a limit: one visual token of the families that have such limits.</summary>
    public const int LeastPixels = 28 * 28;

    private static readonly string[] Details = ["low", "high", "auto"];

    /// <summary>Notes what is wrong with a policy.</summary>
    /// <param name="policy">The policy; null: none.</param>
    /// <param name="field">Path of the message, e.g. <c>policy.pictures</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(Wire.PicturePolicy? policy, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        if (policy is null)
        {
            return;
        }

        if (!Enum.IsDefined(policy.Strategy))
        {
            violations.Add($"{field}.strategy", $"{policy.Strategy:D} is not a known value");
        }

        if (policy.Crops is { } crops)
        {
            Belongs(policy, Wire.PictureStrategy.Crops, $"{field}.crops", violations);
            Check(crops, $"{field}.crops", violations);
        }

        if (policy.Budget is { } budget)
        {
            Belongs(policy, Wire.PictureStrategy.Budget, $"{field}.budget", violations);
            Check(budget, $"{field}.budget", violations);
        }

        if (policy.Strategy == Wire.PictureStrategy.Budget && policy.Budget is null or { Detail.Length: 0, HasMaxPixels: false, HasMaxDynamicPatch: false, HasResizePixels: false })
        {
            violations.Add($"{field}.budget", "is required: at least one of detail, max_pixels, max_dynamic_patch and resize_pixels");
        }
    }

    private static void Belongs(Wire.PicturePolicy policy, Wire.PictureStrategy strategy, string field, ViolationList violations)
    {
        if (policy.Strategy != strategy)
        {
            violations.Add(field, $"means nothing without strategy {strategy.ToString().ToLowerInvariant()}");
        }
    }

    private static void Check(Wire.CropPolicy crops, string field, ViolationList violations)
    {
        if (crops.HasCoverage && !(crops.Coverage >= 0 && crops.Coverage <= 1))
        {
            violations.Add($"{field}.coverage", FormattableString.Invariant($"must be between 0 and 1, was {crops.Coverage}"));
        }

        Between(crops.HasMaxCrops, crops.MaxCrops, 1, MostCrops, $"{field}.max_crops", violations);
        Between(crops.HasGrid, crops.Grid, 1, MostOverviewSide, $"{field}.grid", violations);
        Between(crops.HasMargin, crops.Margin, 0, 32, $"{field}.margin", violations);
        if (crops.OverviewSide != 0)
        {
            Between(crops.HasOverviewSide, crops.OverviewSide, LeastOverviewSide, MostOverviewSide, $"{field}.overview_side", violations);
        }
    }

    private static void Check(Wire.BudgetPolicy budget, string field, ViolationList violations)
    {
        if (budget.Detail.Length > 0 && !Details.Contains(budget.Detail))
        {
            violations.Add($"{field}.detail", $"{ViolationList.Quote(budget.Detail)} is none of {string.Join(", ", Details)}");
        }

        Between(budget.HasMaxPixels, budget.MaxPixels, LeastPixels, long.MaxValue, $"{field}.max_pixels", violations);
        Between(budget.HasResizePixels, budget.ResizePixels, LeastPixels, long.MaxValue, $"{field}.resize_pixels", violations);
        Between(budget.HasMaxDynamicPatch, budget.MaxDynamicPatch, 1, ImageLimitRules.MostTiles, $"{field}.max_dynamic_patch", violations);
    }

    private static void Between(bool has, long value, long least, long most, string field, ViolationList violations)
    {
        if (has && (value < least || value > most))
        {
            violations.Add(field, most == long.MaxValue ? $"must be at least {least}, was {value}" : $"must be between {least} and {most}, was {value}");
        }
    }
}
