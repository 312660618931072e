namespace Sgl.Client;

/// <summary>A field of a request that breaks a rule.</summary>
public sealed class SglViolation
{
    internal SglViolation(string field, string description, string? reason) => (Field, Description, Reason) = (field, description, reason);

    /// <summary>Path of the field, e.g. <c>images[0].data</c>, in the names of the contract.</summary>
    public string Field { get; }

    /// <summary>What is wrong with it.</summary>
    public string Description { get; }

    /// <summary>Its reason, e.g. <c>BAD_IMAGE</c>; null where it has none of its own.</summary>
    public string? Reason { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Field}: {Description}";
}
