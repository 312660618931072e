namespace Sgl.Hosting;

/// <summary>One thing that is wrong with a request.</summary>
/// <param name="Field">Request field in contract notation, e.g. <c>policy.threshold</c> or <c>images[0].data</c>.</param>
/// <param name="Description">What is wrong and what would be right; shown to the client.</param>
public readonly record struct FieldViolation(string Field, string Description);
