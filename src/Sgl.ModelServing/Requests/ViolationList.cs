using Sgl.Hosting;

namespace Sgl.ModelServing;

/// <summary>Collects everything that is wrong with a request, so that a client learns all of it at once.</summary>
public sealed class ViolationList
{
    private readonly List<FieldViolation> _all = [];

    /// <summary>What was found so far, in the order it was found.</summary>
    public IReadOnlyList<FieldViolation> All => _all;

    /// <summary>Whether anything was found.</summary>
    public bool Any => _all.Count > 0;

    /// <summary>Notes a violation.</summary>
    /// <param name="field">Request field in contract notation, e.g. <c>images[0].data</c>.</param>
    /// <param name="description">What is wrong and what would be right; shown to the client.</param>
    public void Add(string field, string description) => _all.Add(new FieldViolation(field, description));

    /// <summary>Ends the request where anything was found.</summary>
    /// <exception cref="RequestFaultException">With all violations.</exception>
    public void ThrowIfAny()
    {
        if (Any)
        {
            throw new RequestFaultException([.. _all]);
        }
    }
}
