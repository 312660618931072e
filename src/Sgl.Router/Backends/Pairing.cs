namespace Sgl.Router;

/// <summary>Whether a small model can guide a large one.</summary>
internal static class Pairing
{
    /// <summary>Why not; empty where it can, or where one of them is not known yet.</summary>
    /// <param name="small">The small model.</param>
    /// <param name="large">The large model.</param>
    /// <param name="policy">Its explicit prune layers must be among the large model's.</param>
    public static string Problem(Wire.ModelInfo? small, Wire.ModelInfo? large, DefaultPolicy policy)
    {
        if (small is null || large is null)
        {
            return "";
        }

        if (small.VisualLayoutKey != large.VisualLayoutKey)
        {
            return $"{small.Name} and {large.Name} cut images into different visual tokens (visual_layout_key '{small.VisualLayoutKey}' and "
                + $"'{large.VisualLayoutKey}'), so importance from one says nothing about the other; serve two models of one family with equal tile settings";
        }

        var violations = new List<Hosting.FieldViolation>();
        PrunePoints.Resolve(policy.Prune, large, "Router:Policy:Prune", violations);
        return string.Join("; ", violations.Select(v => $"{v.Field} {v.Description}"));
    }
}
