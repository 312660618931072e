namespace Sgl.Router;

/// <summary>The policies that requests may name as <c>sgl.policy</c>, the default one first.</summary>
internal sealed record PolicyList
{
    public string Object => "list";

    public required IReadOnlyList<PolicyEntry> Data { get; init; }
}

/// <summary>A policy that requests may name.</summary>
internal sealed record PolicyEntry
{
    /// <summary>Its name.</summary>
    public required string Id { get; init; }

    public string Object => "sgl.policy";

    /// <summary>What it is for.</summary>
    public string? Description { get; init; }

    /// <summary>What it says.</summary>
    public required InfoPolicy Policy { get; init; }

    public static PolicyEntry From(Wire.NamedPolicy policy) => new()
    {
        Id = policy.Name,
        Description = policy.Description is { Length: > 0 } description ? description : null,
        Policy = InfoPolicy.From(policy.Policy),
    };
}
