namespace Sgl.Hosting;

/// <summary>Values of the label <c>path</c> of <c>sgl_requests_total</c>.</summary>
public enum RequestPath
{
    /// <summary>The small model's answer was good enough.</summary>
    Exit,

    /// <summary>The large model answered.</summary>
    Escalated,

    /// <summary>The large model should have answered but could not; the small model's answer was given.</summary>
    Degraded,

    /// <summary>There was no answer.</summary>
    Failed,
}
