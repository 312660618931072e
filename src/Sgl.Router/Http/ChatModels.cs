namespace Sgl.Router;

/// <summary>Names that <c>model</c> may have.</summary>
internal static class ChatModels
{
    /// <summary>The cascade of both models.</summary>
    public const string Router = "sgl";

    public static IEnumerable<string> Names(ModelPair models) =>
        new[] { Router, models.Small.Info?.Name, models.Large.Info?.Name }.OfType<string>().Where(n => n.Length > 0).Distinct();
}
