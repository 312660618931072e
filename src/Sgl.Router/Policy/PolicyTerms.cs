using Sgl.Policies;

namespace Sgl.Router;

/// <summary>Terms of policies in settings and files, and in the contract.</summary>
public static class PolicyTerms
{
    /// <summary>Which tiles the large model encodes.</summary>
    public static EnumMap<TilePolicy, Wire.TileMode> Tiles { get; } = new((TilePolicy.All, Wire.TileMode.All), (TilePolicy.Guided, Wire.TileMode.Guided));

    internal static EnumMap<PictureStrategy, Wire.PictureStrategy> Strategies { get; } = new(
        (PictureStrategy.None, Wire.PictureStrategy.None), (PictureStrategy.Crops, Wire.PictureStrategy.Crops), (PictureStrategy.Budget, Wire.PictureStrategy.Budget));

    internal static EnumMap<LargeFailure, Wire.LargeFailurePolicy> LargeFailures { get; } = new(
        (LargeFailure.Degrade, Wire.LargeFailurePolicy.Degrade), (LargeFailure.Fail, Wire.LargeFailurePolicy.Fail));

    internal static EnumMap<ForcedRoute, Wire.Route> Routes { get; } = new((ForcedRoute.Small, Wire.Route.Small), (ForcedRoute.Large, Wire.Route.Large));
}
