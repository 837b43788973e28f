/** Generated from /openapi.json by `npm run openapi`; not for editing. */

export interface paths {
    "/api/v1/devices/{id}/poll": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        running: {
                            sequence: number;
                            artifactSha256: string | null;
                        };
                        held: string[];
                        floor: number;
                        codecs: ("full" | "tensor" | "bsdiff")[];
                        agentVersion: string;
                        batteryPercent: number | null;
                        freeBytes: number | null;
                        conditions?: {
                            charging: boolean | null;
                            metered: boolean | null;
                            link: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other") | null;
                            temperatureC: number | null;
                            busy: boolean;
                            inCriticalTask: boolean;
                            timeZone: string | null;
                        };
                        canShadow?: boolean;
                        canHold?: boolean;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            offer: {
                                id: string;
                                kind: "update" | "rollback" | "shadow";
                                name: string;
                                version: string;
                                sequence: number;
                                target: string;
                                routes: {
                                    codec: "full" | "tensor" | "bsdiff";
                                    baseSha256: string | null;
                                    blob: {
                                        sha256: string;
                                        length: number;
                                    };
                                }[];
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                shadowShare?: number;
                                activate?: "immediate" | "hold";
                            } | null;
                            pollIntervalS: number;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            entries: {
                                number: number;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                by: string;
                                action: string;
                                status: number;
                                detail: string;
                                sha256: string;
                            }[];
                            brokenAt: number | null;
                            wholeAtMs: number | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            role: "viewer" | "operator" | "approver" | "release-manager" | "admin";
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/people": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            people: {
                                id: string;
                                role: string;
                                /** @description milliseconds since 1970, server's clock */
                                createdAtMs: number;
                                revoked: boolean;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        id: string;
                        role: "viewer" | "operator" | "approver" | "release-manager" | "admin";
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            role: "viewer" | "operator" | "approver" | "release-manager" | "admin";
                            token: string;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/people/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enroll": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        token: string;
                        deviceId: string;
                        publicKey: string;
                        hardware: string;
                        tags: {
                            [key: string]: string;
                        };
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            deviceId: string;
                            product: string;
                            mqttUrl: string;
                            pollIntervalS: number;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/nonce": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            nonce: string;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        nonce: string;
                        signature: string;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            token: string;
                            expiresInS: number;
                            broker?: {
                                password: string;
                            };
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/reports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        reports: {
                            id: string;
                            offerId: string | null;
                            atMs: number;
                            phase: "idle" | "waiting" | "verifying" | "downloading" | "applying" | "trying" | "probation" | "confirming" | "reverting" | "shadowing" | "staged" | "confirmed" | "reverted" | "refused" | "failed";
                            code: "ok" | "waiting-preconditions" | "signature-invalid" | "metadata-expired" | "below-floor" | "wrong-hardware" | "wrong-architecture" | "manifest-invalid" | "download-failed" | "digest-mismatch" | "patch-failed" | "disk-full" | "golden-failed" | "unhealthy-errors" | "unhealthy-latency" | "withdrawn" | "interrupted" | "internal" | "install-failed";
                            runningSequence: number;
                            targetSequence: number;
                            artifactSha256: string | null;
                            downloadedBytes: number;
                            codec: string | null;
                            detail: string;
                        }[];
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            accepted: string[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/telemetry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        frames: string[];
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            stored: number;
                            dropped: number;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tuf/metadata/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    file: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": unknown;
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/blobs/{sha256}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    pass?: string;
                };
                header?: never;
                path: {
                    sha256: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head: {
            parameters: {
                query?: {
                    pass?: string;
                };
                header?: never;
                path: {
                    sha256: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        patch?: never;
        trace?: never;
    };
    "/{tenant}/controller/v1/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    tenant: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/{tenant}/controller/v1/{id}/configData": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    tenant: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        mode?: "merge" | "replace" | "remove" | null;
                        data: {
                            [key: string]: string;
                        };
                    };
                };
            };
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/{tenant}/controller/v1/{id}/deploymentBase/{action}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    tenant: string;
                    id: string;
                    action: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/{tenant}/controller/v1/{id}/installedBase/{action}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    tenant: string;
                    id: string;
                    action: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/{tenant}/controller/v1/{id}/cancelAction/{action}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    tenant: string;
                    id: string;
                    action: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/{tenant}/controller/v1/{id}/deploymentBase/{action}/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    tenant: string;
                    id: string;
                    action: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        id?: string | number;
                        status: {
                            execution: "closed" | "proceeding" | "canceled" | "scheduled" | "rejected" | "resumed" | "downloaded" | "download";
                            result: {
                                finished: "success" | "failure" | "none";
                            };
                            code?: number | null;
                            details?: string[] | string | null;
                        };
                    };
                };
            };
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/{tenant}/controller/v1/{id}/cancelAction/{action}/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    tenant: string;
                    id: string;
                    action: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        id?: string | number;
                        status: {
                            execution: "closed" | "proceeding" | "canceled" | "scheduled" | "rejected" | "resumed" | "downloaded" | "download";
                            result: {
                                finished: "success" | "failure" | "none";
                            };
                            code?: number | null;
                            details?: string[] | string | null;
                        };
                    };
                };
            };
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ddi/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            tokens: {
                                id: string;
                                scheme: "TargetToken" | "GatewayToken";
                                deviceId: string | null;
                                product: string;
                                hardware: string;
                                maxDevices: number;
                                createdAtMs: number;
                                revoked: boolean;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        deviceId?: string;
                        product: string;
                        hardware: string;
                        tags?: {
                            [key: string]: string;
                        };
                        maxDevices?: number;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            token: string;
                            scheme: "TargetToken" | "GatewayToken";
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ddi/tokens/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/bundles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/octet-stream": string;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            product: string;
                            version: string;
                            sequence: number;
                            target: string;
                            manifest: {
                                sha256: string;
                                length: number;
                            };
                            signedBy: "nobody" | "offline" | "server";
                            retired: boolean;
                            /** @description milliseconds since 1970, server's clock */
                            uploadedAtMs: number;
                            variants: {
                                id: string;
                                hardware: string[];
                                runtime: string;
                                architectureHash: string;
                                artifact: {
                                    sha256: string;
                                    length: number;
                                };
                            }[];
                            accuracy: number | null;
                            devices: number;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/releases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            releases: {
                                product: string;
                                version: string;
                                sequence: number;
                                target: string;
                                manifest: {
                                    sha256: string;
                                    length: number;
                                };
                                signedBy: "nobody" | "offline" | "server";
                                retired: boolean;
                                /** @description milliseconds since 1970, server's clock */
                                uploadedAtMs: number;
                                variants: {
                                    id: string;
                                    hardware: string[];
                                    runtime: string;
                                    architectureHash: string;
                                    artifact: {
                                        sha256: string;
                                        length: number;
                                    };
                                }[];
                                accuracy: number | null;
                                devices: number;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/releases/{product}/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    product: string;
                    version: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            product: string;
                            version: string;
                            sequence: number;
                            target: string;
                            manifest: {
                                sha256: string;
                                length: number;
                            };
                            signedBy: "nobody" | "offline" | "server";
                            retired: boolean;
                            /** @description milliseconds since 1970, server's clock */
                            uploadedAtMs: number;
                            variants: {
                                id: string;
                                hardware: string[];
                                runtime: string;
                                architectureHash: string;
                                artifact: {
                                    sha256: string;
                                    length: number;
                                };
                            }[];
                            accuracy: number | null;
                            devices: number;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trust/sign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        product: string;
                        version: string;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            target: string;
                            role: string;
                            roleVersion: number;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trust": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            mode: "none" | "offline" | "server";
                            roles: {
                                role: string;
                                version: number;
                                /** @description milliseconds since 1970, server's clock */
                                expiresMs: number;
                                threshold: number;
                                keyIds: string[];
                            }[];
                            floors: {
                                [key: string]: number;
                            };
                            warnings: string[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trust/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            timestamp: {
                                keyId: string;
                                publicKey: string;
                            };
                            snapshot: {
                                keyId: string;
                                publicKey: string;
                            };
                            targets: {
                                keyId: string;
                                publicKey: string;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trust/metadata/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    file: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/octet-stream": string;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            file: string;
                            role: string;
                            version: number;
                            sha256: string;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trust/envelopes/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    file: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/octet-stream": string;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            file: string;
                            sha256: string;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trust/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    from?: number;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            entries: {
                                index: number;
                                atMs: number;
                                name: string;
                                sha256: string;
                                previous: string;
                            }[];
                            head: {
                                length: number;
                                sha256: string;
                            };
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrolment-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            tokens: {
                                id: string;
                                product: string;
                                hardware: string | null;
                                tags: {
                                    [key: string]: string;
                                };
                                /** @description milliseconds since 1970, server's clock */
                                expiresAtMs: number;
                                usedBy: string | null;
                                maxDevices: number;
                                used: number;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        product: string;
                        count?: number;
                        maxDevices?: number;
                        hardware?: string;
                        tags?: {
                            [key: string]: string;
                        };
                        expiresInS?: number;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            tokens: {
                                id: string;
                                token: string;
                                /** @description milliseconds since 1970, server's clock */
                                expiresAtMs: number;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    product?: string;
                    hardware?: string;
                    tag?: string;
                    sequence?: number;
                    running?: "none" | string;
                    agentVersion?: string;
                    online?: boolean;
                    seenWithinS?: number;
                    lastUpdateFailed?: boolean;
                    belowFloor?: boolean;
                    maxErrorRate?: number;
                    prefix?: string;
                    revoked?: boolean;
                    after?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            devices: {
                                id: string;
                                product: string;
                                hardware: string;
                                tags: {
                                    [key: string]: string;
                                };
                                online: boolean;
                                revoked: boolean;
                                /** @description milliseconds since 1970, server's clock */
                                enrolledAtMs: number;
                                lastSeenMs: number | null;
                                runningSequence: number;
                                runningVersion: string | null;
                                artifactSha256: string | null;
                                floor: number;
                                lastUpdateFailed: boolean;
                                errorRate: number | null;
                                agentVersion: string;
                                batteryPercent: number | null;
                                freeBytes: number | null;
                                conditions: {
                                    charging: boolean | null;
                                    metered: boolean | null;
                                    link: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other") | null;
                                    temperatureC: number | null;
                                    busy: boolean;
                                    inCriticalTask: boolean;
                                    timeZone: string | null;
                                } | null;
                                canShadow: boolean | null;
                                canHold: boolean | null;
                            }[];
                            next: string | null;
                            total: number;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            device: {
                                id: string;
                                product: string;
                                hardware: string;
                                tags: {
                                    [key: string]: string;
                                };
                                online: boolean;
                                revoked: boolean;
                                /** @description milliseconds since 1970, server's clock */
                                enrolledAtMs: number;
                                lastSeenMs: number | null;
                                runningSequence: number;
                                runningVersion: string | null;
                                artifactSha256: string | null;
                                floor: number;
                                lastUpdateFailed: boolean;
                                errorRate: number | null;
                                agentVersion: string;
                                batteryPercent: number | null;
                                freeBytes: number | null;
                                conditions: {
                                    charging: boolean | null;
                                    metered: boolean | null;
                                    link: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other") | null;
                                    temperatureC: number | null;
                                    busy: boolean;
                                    inCriticalTask: boolean;
                                    timeZone: string | null;
                                } | null;
                                canShadow: boolean | null;
                                canHold: boolean | null;
                            };
                            next: {
                                rolloutId: string;
                                kind: "update" | "rollback" | "shadow";
                                version: string | null;
                                unmet: string[];
                            } | null;
                            versions: {
                                sequence: number;
                                version: string;
                            }[];
                            rollouts: {
                                rolloutId: string;
                                version: string;
                                rolloutState: string;
                                wave: string;
                                previousVersion: string | null;
                                state: "offered" | "staged" | "confirmed" | "failed" | "returning" | "returned";
                                code: string | null;
                                detail: string | null;
                                attempts: number;
                                /** @description milliseconds since 1970, server's clock */
                                offeredAtMs: number;
                                settledAtMs: number | null;
                                retryAtMs: number | null;
                                downloadedBytes: number;
                                codec: string | null;
                            }[];
                            trend: {
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                releaseSequence: number;
                                windows: number;
                                inferences: number;
                                errorRate: number | null;
                                abstainedRate: number | null;
                                meanConfidence: number | null;
                                probeAccuracy: number | null;
                                meanLatencyUs: number | null;
                                energyUj: number | null;
                            }[];
                            reports: {
                                /** @description milliseconds since 1970, server's clock */
                                receivedAtMs: number;
                                report: {
                                    id: string;
                                    offerId: string | null;
                                    atMs: number;
                                    phase: "idle" | "waiting" | "verifying" | "downloading" | "applying" | "trying" | "probation" | "confirming" | "reverting" | "shadowing" | "staged" | "confirmed" | "reverted" | "refused" | "failed";
                                    code: "ok" | "waiting-preconditions" | "signature-invalid" | "metadata-expired" | "below-floor" | "wrong-hardware" | "wrong-architecture" | "manifest-invalid" | "download-failed" | "digest-mismatch" | "patch-failed" | "disk-full" | "golden-failed" | "unhealthy-errors" | "unhealthy-latency" | "withdrawn" | "interrupted" | "internal" | "install-failed";
                                    runningSequence: number;
                                    targetSequence: number;
                                    artifactSha256: string | null;
                                    downloadedBytes: number;
                                    codec: string | null;
                                    detail: string;
                                };
                            }[];
                            telemetry: {
                                releaseSequence: number;
                                inShadow: boolean;
                                agreement: number | null;
                                windows: number;
                                inferences: number;
                                errors: number;
                                meanConfidence: number | null;
                                probeAccuracy: number | null;
                                meanLatencyUs: number | null;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/fleet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            devices: number;
                            online: number;
                            products: {
                                product: string;
                                devices: number;
                                versions: {
                                    sequence: number;
                                    version: string | null;
                                    devices: number;
                                }[];
                            }[];
                            frames: number;
                            reports: number;
                            activeRollouts: string[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/releases/{product}/{version}/lineage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    product: string;
                    version: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            release: {
                                version: string;
                                sequence: number;
                                manifestSha256: string;
                                parent: string | null;
                                sourceModelSha256: string;
                                trainingDataSha256: string | null;
                                recipe: string;
                                toolVersion: string;
                                devices: number;
                                rollouts: {
                                    id: string;
                                    state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                                }[];
                            };
                            ancestors: {
                                version: string;
                                sequence: number;
                                manifestSha256: string;
                                parent: string | null;
                                sourceModelSha256: string;
                                trainingDataSha256: string | null;
                                recipe: string;
                                toolVersion: string;
                                devices: number;
                                rollouts: {
                                    id: string;
                                    state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                                }[];
                            }[];
                            children: {
                                version: string;
                                sequence: number;
                                manifestSha256: string;
                                parent: string | null;
                                sourceModelSha256: string;
                                trainingDataSha256: string | null;
                                recipe: string;
                                toolVersion: string;
                                devices: number;
                                rollouts: {
                                    id: string;
                                    state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                                }[];
                            }[];
                            field: {
                                devices: number;
                                inferences: number;
                                errorRate: number | null;
                                meanConfidence: number | null;
                                probeAccuracy: number | null;
                                meanLatencyUs: number | null;
                                energyUj: number | null;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/releases/{product}/{version}/compare/{from}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    product: string;
                    version: string;
                    from: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            product: string;
                            from: {
                                version: string;
                                sequence: number;
                                manifestSha256: string;
                                devices: number;
                                accuracy: number | null;
                                samples: number | null;
                                minConfidence: number | null;
                                field: {
                                    devices: number;
                                    inferences: number;
                                    errorRate: number | null;
                                    meanConfidence: number | null;
                                    probeAccuracy: number | null;
                                    meanLatencyUs: number | null;
                                    energyUj: number | null;
                                } | null;
                            };
                            to: {
                                version: string;
                                sequence: number;
                                manifestSha256: string;
                                devices: number;
                                accuracy: number | null;
                                samples: number | null;
                                minConfidence: number | null;
                                field: {
                                    devices: number;
                                    inferences: number;
                                    errorRate: number | null;
                                    meanConfidence: number | null;
                                    probeAccuracy: number | null;
                                    meanLatencyUs: number | null;
                                    energyUj: number | null;
                                } | null;
                            };
                            labels: {
                                added: string[];
                                removed: string[];
                                moved: {
                                    label: string;
                                    from: number;
                                    to: number;
                                }[];
                            };
                            isPreprocessingChanged: boolean;
                            classes: {
                                label: string;
                                from: number | null;
                                to: number | null;
                            }[];
                            variants: {
                                id: string;
                                hardware: string[];
                                from: {
                                    artifactBytes: number;
                                    ramBytes: number;
                                    flashBytes: number;
                                    runtime: string;
                                    inputDtype: string;
                                    outputDtype: string;
                                    goldenVectors: number;
                                    goldenTolerance: number;
                                } | null;
                                to: {
                                    artifactBytes: number;
                                    ramBytes: number;
                                    flashBytes: number;
                                    runtime: string;
                                    inputDtype: string;
                                    outputDtype: string;
                                    goldenVectors: number;
                                    goldenTolerance: number;
                                } | null;
                                isArchitectureChanged: boolean;
                                patches: {
                                    codec: string;
                                    bytes: number;
                                }[];
                            }[];
                            consumers: {
                                consumer: string;
                                contact: string;
                                changes: string[];
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/consumers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    product?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            consumers: {
                                id: string;
                                product: string;
                                contact: string;
                                purpose: string;
                                reads: ("labels" | "indices" | "scores")[];
                                labels: string[];
                                declaredBy: string;
                                /** @description milliseconds since 1970, server's clock */
                                declaredAtMs: number;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/consumers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        product: string;
                        contact: string;
                        purpose?: string;
                        reads: ("labels" | "indices" | "scores")[];
                        labels?: string[];
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            product: string;
                            contact: string;
                            purpose: string;
                            reads: ("labels" | "indices" | "scores")[];
                            labels: string[];
                            declaredBy: string;
                            /** @description milliseconds since 1970, server's clock */
                            declaredAtMs: number;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    product?: string;
                    active?: boolean;
                    after?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            rollouts: {
                                id: string;
                                plan: {
                                    product: string;
                                    version: string;
                                    query: {
                                        hardware?: string[];
                                        tags?: {
                                            [key: string]: string;
                                        };
                                        deviceIds?: string[];
                                        running?: ("none" | string)[];
                                        agentVersions?: string[];
                                        health?: {
                                            online?: boolean;
                                            seenWithinS?: number;
                                            lastUpdateFailed?: boolean;
                                            belowFloor?: boolean;
                                            maxErrorRate?: number;
                                        };
                                    };
                                    waves: {
                                        name: string;
                                        share?: number;
                                        count?: number;
                                        soakS: number;
                                        preconditions?: {
                                            minBatteryPercent?: number;
                                            requireCharging?: boolean;
                                            allowMetered?: boolean;
                                            links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                            minFreeBytes?: number;
                                            minTemperatureC?: number;
                                            maxTemperatureC?: number;
                                            requireIdle?: boolean;
                                            requireNoCriticalTask?: boolean;
                                            windows?: {
                                                days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                                from: string;
                                                to: string;
                                            }[];
                                            timeZone?: string;
                                        };
                                        approvals?: number;
                                    }[];
                                    gates: {
                                        maxFailureShare: number;
                                        minConfirmedShare: number;
                                        installTimeoutS: number;
                                        telemetry: {
                                            metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                            margin: number;
                                        }[];
                                        falseStopRate: number;
                                        deadlineS: number;
                                    };
                                    onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                    preconditions: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals: number;
                                    approvalExpiresS?: number;
                                    limits?: {
                                        installsPerHour?: number;
                                        concurrent?: number;
                                        deadlineS?: number;
                                    };
                                    retries?: {
                                        maxAttempts: number;
                                        backoffS: number;
                                    };
                                    strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                    shadowShare?: number;
                                    switch?: {
                                        approvals?: number;
                                        soakS?: number;
                                    };
                                    salt?: string;
                                    comment?: string;
                                };
                                sequence: number;
                                state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                                reason: string;
                                /** @description milliseconds since 1970, server's clock */
                                createdAtMs: number;
                                /** @description milliseconds since 1970, server's clock */
                                updatedAtMs: number;
                                currentWave: number;
                                waves: {
                                    name: string;
                                    state: "waiting" | "installing" | "soaking" | "passed" | "stopped";
                                    openedAtMs: number | null;
                                    isStaging: boolean;
                                    soakS: number;
                                    members: number;
                                    offered: number;
                                    updating: number;
                                    waiting: number;
                                    staged: number;
                                    confirmed: number;
                                    failed: number;
                                    retrying: number;
                                    settledAtMs: number | null;
                                    deadlineAtMs: number | null;
                                    control: number;
                                    gates: {
                                        gate: string;
                                        verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                        text: string;
                                        difference: number | null;
                                        margin: number | null;
                                        waveDevices: number;
                                        controlDevices: number;
                                        pWorse: number | null;
                                        threshold: number | null;
                                        looks: number;
                                        finding?: "better" | "worse" | "equal" | "undecided";
                                        trail?: {
                                            /** @description milliseconds since 1970, server's clock */
                                            atMs: number;
                                            verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                            difference: number;
                                            low: number | null;
                                            high: number | null;
                                            waveDevices: number;
                                            controlDevices: number;
                                        }[];
                                    }[];
                                }[];
                                approvals: {
                                    by: string;
                                    /** @description milliseconds since 1970, server's clock */
                                    atMs: number;
                                    comment: string;
                                    scope: "wave" | "rollout";
                                    wave: number;
                                    expiresAtMs: number | null;
                                }[];
                                approvalsMissing: number;
                                breakGlass: {
                                    by: string;
                                    /** @description milliseconds since 1970, server's clock */
                                    atMs: number;
                                    comment: string;
                                } | null;
                                waiting: {
                                    reason: string;
                                    devices: number;
                                }[];
                                rollback: {
                                    done: number;
                                    pending: number;
                                };
                                history: {
                                    /** @description milliseconds since 1970, server's clock */
                                    atMs: number;
                                    text: string;
                                }[];
                                promotion: {
                                    product: string;
                                    version: string;
                                    query: {
                                        hardware?: string[];
                                        tags?: {
                                            [key: string]: string;
                                        };
                                        deviceIds?: string[];
                                        running?: ("none" | string)[];
                                        agentVersions?: string[];
                                        health?: {
                                            online?: boolean;
                                            seenWithinS?: number;
                                            lastUpdateFailed?: boolean;
                                            belowFloor?: boolean;
                                            maxErrorRate?: number;
                                        };
                                    };
                                    waves: {
                                        name: string;
                                        share?: number;
                                        count?: number;
                                        soakS: number;
                                        preconditions?: {
                                            minBatteryPercent?: number;
                                            requireCharging?: boolean;
                                            allowMetered?: boolean;
                                            links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                            minFreeBytes?: number;
                                            minTemperatureC?: number;
                                            maxTemperatureC?: number;
                                            requireIdle?: boolean;
                                            requireNoCriticalTask?: boolean;
                                            windows?: {
                                                days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                                from: string;
                                                to: string;
                                            }[];
                                            timeZone?: string;
                                        };
                                        approvals?: number;
                                    }[];
                                    gates: {
                                        maxFailureShare: number;
                                        minConfirmedShare: number;
                                        installTimeoutS: number;
                                        telemetry: {
                                            metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                            margin: number;
                                        }[];
                                        falseStopRate: number;
                                        deadlineS: number;
                                    };
                                    onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                    preconditions: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals: number;
                                    approvalExpiresS?: number;
                                    limits?: {
                                        installsPerHour?: number;
                                        concurrent?: number;
                                        deadlineS?: number;
                                    };
                                    retries?: {
                                        maxAttempts: number;
                                        backoffS: number;
                                    };
                                    strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                    shadowShare?: number;
                                    switch?: {
                                        approvals?: number;
                                        soakS?: number;
                                    };
                                    salt?: string;
                                    comment?: string;
                                } | null;
                            }[];
                            next: string | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        product: string;
                        version: string;
                        query: {
                            hardware?: string[];
                            tags?: {
                                [key: string]: string;
                            };
                            deviceIds?: string[];
                            running?: ("none" | string)[];
                            agentVersions?: string[];
                            health?: {
                                online?: boolean;
                                seenWithinS?: number;
                                lastUpdateFailed?: boolean;
                                belowFloor?: boolean;
                                maxErrorRate?: number;
                            };
                        };
                        waves: {
                            name: string;
                            share?: number;
                            count?: number;
                            soakS: number;
                            preconditions?: {
                                minBatteryPercent?: number;
                                requireCharging?: boolean;
                                allowMetered?: boolean;
                                links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                minFreeBytes?: number;
                                minTemperatureC?: number;
                                maxTemperatureC?: number;
                                requireIdle?: boolean;
                                requireNoCriticalTask?: boolean;
                                windows?: {
                                    days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                    from: string;
                                    to: string;
                                }[];
                                timeZone?: string;
                            };
                            approvals?: number;
                        }[];
                        gates: {
                            maxFailureShare: number;
                            minConfirmedShare: number;
                            installTimeoutS: number;
                            telemetry: {
                                metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                margin: number;
                            }[];
                            falseStopRate: number;
                            deadlineS: number;
                        };
                        onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                        preconditions: {
                            minBatteryPercent?: number;
                            requireCharging?: boolean;
                            allowMetered?: boolean;
                            links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                            minFreeBytes?: number;
                            minTemperatureC?: number;
                            maxTemperatureC?: number;
                            requireIdle?: boolean;
                            requireNoCriticalTask?: boolean;
                            windows?: {
                                days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                from: string;
                                to: string;
                            }[];
                            timeZone?: string;
                        };
                        approvals: number;
                        approvalExpiresS?: number;
                        limits?: {
                            installsPerHour?: number;
                            concurrent?: number;
                            deadlineS?: number;
                        };
                        retries?: {
                            maxAttempts: number;
                            backoffS: number;
                        };
                        strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                        shadowShare?: number;
                        switch?: {
                            approvals?: number;
                            soakS?: number;
                        };
                        salt?: string;
                        comment?: string;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            plan: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            };
                            sequence: number;
                            state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                            reason: string;
                            /** @description milliseconds since 1970, server's clock */
                            createdAtMs: number;
                            /** @description milliseconds since 1970, server's clock */
                            updatedAtMs: number;
                            currentWave: number;
                            waves: {
                                name: string;
                                state: "waiting" | "installing" | "soaking" | "passed" | "stopped";
                                openedAtMs: number | null;
                                isStaging: boolean;
                                soakS: number;
                                members: number;
                                offered: number;
                                updating: number;
                                waiting: number;
                                staged: number;
                                confirmed: number;
                                failed: number;
                                retrying: number;
                                settledAtMs: number | null;
                                deadlineAtMs: number | null;
                                control: number;
                                gates: {
                                    gate: string;
                                    verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                    text: string;
                                    difference: number | null;
                                    margin: number | null;
                                    waveDevices: number;
                                    controlDevices: number;
                                    pWorse: number | null;
                                    threshold: number | null;
                                    looks: number;
                                    finding?: "better" | "worse" | "equal" | "undecided";
                                    trail?: {
                                        /** @description milliseconds since 1970, server's clock */
                                        atMs: number;
                                        verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                        difference: number;
                                        low: number | null;
                                        high: number | null;
                                        waveDevices: number;
                                        controlDevices: number;
                                    }[];
                                }[];
                            }[];
                            approvals: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                                scope: "wave" | "rollout";
                                wave: number;
                                expiresAtMs: number | null;
                            }[];
                            approvalsMissing: number;
                            breakGlass: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                            } | null;
                            waiting: {
                                reason: string;
                                devices: number;
                            }[];
                            rollback: {
                                done: number;
                                pending: number;
                            };
                            history: {
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                text: string;
                            }[];
                            promotion: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/dry-run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        product: string;
                        version: string;
                        query: {
                            hardware?: string[];
                            tags?: {
                                [key: string]: string;
                            };
                            deviceIds?: string[];
                            running?: ("none" | string)[];
                            agentVersions?: string[];
                            health?: {
                                online?: boolean;
                                seenWithinS?: number;
                                lastUpdateFailed?: boolean;
                                belowFloor?: boolean;
                                maxErrorRate?: number;
                            };
                        };
                        waves: {
                            name: string;
                            share?: number;
                            count?: number;
                            soakS: number;
                            preconditions?: {
                                minBatteryPercent?: number;
                                requireCharging?: boolean;
                                allowMetered?: boolean;
                                links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                minFreeBytes?: number;
                                minTemperatureC?: number;
                                maxTemperatureC?: number;
                                requireIdle?: boolean;
                                requireNoCriticalTask?: boolean;
                                windows?: {
                                    days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                    from: string;
                                    to: string;
                                }[];
                                timeZone?: string;
                            };
                            approvals?: number;
                        }[];
                        gates: {
                            maxFailureShare: number;
                            minConfirmedShare: number;
                            installTimeoutS: number;
                            telemetry: {
                                metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                margin: number;
                            }[];
                            falseStopRate: number;
                            deadlineS: number;
                        };
                        onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                        preconditions: {
                            minBatteryPercent?: number;
                            requireCharging?: boolean;
                            allowMetered?: boolean;
                            links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                            minFreeBytes?: number;
                            minTemperatureC?: number;
                            maxTemperatureC?: number;
                            requireIdle?: boolean;
                            requireNoCriticalTask?: boolean;
                            windows?: {
                                days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                from: string;
                                to: string;
                            }[];
                            timeZone?: string;
                        };
                        approvals: number;
                        approvalExpiresS?: number;
                        limits?: {
                            installsPerHour?: number;
                            concurrent?: number;
                            deadlineS?: number;
                        };
                        retries?: {
                            maxAttempts: number;
                            backoffS: number;
                        };
                        strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                        shadowShare?: number;
                        switch?: {
                            approvals?: number;
                            soakS?: number;
                        };
                        salt?: string;
                        comment?: string;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            plan: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            };
                            eligible: number;
                            waves: {
                                name: string;
                                devices: number;
                                control: number;
                                sample: string[];
                            }[];
                            excluded: {
                                reason: string;
                                devices: number;
                            }[];
                            waits: {
                                reason: string;
                                devices: number;
                                untilMs: number | null;
                            }[];
                            sampled: number;
                            consumers: {
                                consumer: string;
                                contact: string;
                                changes: string[];
                            }[];
                            warnings: string[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/sample": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        plan: {
                            product: string;
                            version: string;
                            query: {
                                hardware?: string[];
                                tags?: {
                                    [key: string]: string;
                                };
                                deviceIds?: string[];
                                running?: ("none" | string)[];
                                agentVersions?: string[];
                                health?: {
                                    online?: boolean;
                                    seenWithinS?: number;
                                    lastUpdateFailed?: boolean;
                                    belowFloor?: boolean;
                                    maxErrorRate?: number;
                                };
                            };
                            waves: {
                                name: string;
                                share?: number;
                                count?: number;
                                soakS: number;
                                preconditions?: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals?: number;
                            }[];
                            gates: {
                                maxFailureShare: number;
                                minConfirmedShare: number;
                                installTimeoutS: number;
                                telemetry: {
                                    metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                    margin: number;
                                }[];
                                falseStopRate: number;
                                deadlineS: number;
                            };
                            onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                            preconditions: {
                                minBatteryPercent?: number;
                                requireCharging?: boolean;
                                allowMetered?: boolean;
                                links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                minFreeBytes?: number;
                                minTemperatureC?: number;
                                maxTemperatureC?: number;
                                requireIdle?: boolean;
                                requireNoCriticalTask?: boolean;
                                windows?: {
                                    days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                    from: string;
                                    to: string;
                                }[];
                                timeZone?: string;
                            };
                            approvals: number;
                            approvalExpiresS?: number;
                            limits?: {
                                installsPerHour?: number;
                                concurrent?: number;
                                deadlineS?: number;
                            };
                            retries?: {
                                maxAttempts: number;
                                backoffS: number;
                            };
                            strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                            shadowShare?: number;
                            switch?: {
                                approvals?: number;
                                soakS?: number;
                            };
                            salt?: string;
                            comment?: string;
                        };
                        limit: number;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            eligible: number;
                            devices: {
                                id: string;
                                product: string;
                                hardware: string;
                                tags: {
                                    [key: string]: string;
                                };
                                online: boolean;
                                revoked: boolean;
                                /** @description milliseconds since 1970, server's clock */
                                enrolledAtMs: number;
                                lastSeenMs: number | null;
                                runningSequence: number;
                                runningVersion: string | null;
                                artifactSha256: string | null;
                                floor: number;
                                lastUpdateFailed: boolean;
                                errorRate: number | null;
                                agentVersion: string;
                                batteryPercent: number | null;
                                freeBytes: number | null;
                                conditions: {
                                    charging: boolean | null;
                                    metered: boolean | null;
                                    link: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other") | null;
                                    temperatureC: number | null;
                                    busy: boolean;
                                    inCriticalTask: boolean;
                                    timeZone: string | null;
                                } | null;
                                canShadow: boolean | null;
                                canHold: boolean | null;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            plan: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            };
                            sequence: number;
                            state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                            reason: string;
                            /** @description milliseconds since 1970, server's clock */
                            createdAtMs: number;
                            /** @description milliseconds since 1970, server's clock */
                            updatedAtMs: number;
                            currentWave: number;
                            waves: {
                                name: string;
                                state: "waiting" | "installing" | "soaking" | "passed" | "stopped";
                                openedAtMs: number | null;
                                isStaging: boolean;
                                soakS: number;
                                members: number;
                                offered: number;
                                updating: number;
                                waiting: number;
                                staged: number;
                                confirmed: number;
                                failed: number;
                                retrying: number;
                                settledAtMs: number | null;
                                deadlineAtMs: number | null;
                                control: number;
                                gates: {
                                    gate: string;
                                    verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                    text: string;
                                    difference: number | null;
                                    margin: number | null;
                                    waveDevices: number;
                                    controlDevices: number;
                                    pWorse: number | null;
                                    threshold: number | null;
                                    looks: number;
                                    finding?: "better" | "worse" | "equal" | "undecided";
                                    trail?: {
                                        /** @description milliseconds since 1970, server's clock */
                                        atMs: number;
                                        verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                        difference: number;
                                        low: number | null;
                                        high: number | null;
                                        waveDevices: number;
                                        controlDevices: number;
                                    }[];
                                }[];
                            }[];
                            approvals: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                                scope: "wave" | "rollout";
                                wave: number;
                                expiresAtMs: number | null;
                            }[];
                            approvalsMissing: number;
                            breakGlass: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                            } | null;
                            waiting: {
                                reason: string;
                                devices: number;
                            }[];
                            rollback: {
                                done: number;
                                pending: number;
                            };
                            history: {
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                text: string;
                            }[];
                            promotion: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    state?: "offered" | "staged" | "confirmed" | "failed" | "returning" | "returned";
                    after?: string;
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            devices: {
                                deviceId: string;
                                wave: string;
                                state: "offered" | "staged" | "confirmed" | "failed" | "returning" | "returned";
                                code: string | null;
                                detail: string | null;
                                attempts: number;
                                /** @description milliseconds since 1970, server's clock */
                                offeredAtMs: number;
                                settledAtMs: number | null;
                                retryAtMs: number | null;
                            }[];
                            next: string | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        comment?: string;
                        rollback?: boolean;
                        scope?: "wave" | "rollout";
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            plan: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            };
                            sequence: number;
                            state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                            reason: string;
                            /** @description milliseconds since 1970, server's clock */
                            createdAtMs: number;
                            /** @description milliseconds since 1970, server's clock */
                            updatedAtMs: number;
                            currentWave: number;
                            waves: {
                                name: string;
                                state: "waiting" | "installing" | "soaking" | "passed" | "stopped";
                                openedAtMs: number | null;
                                isStaging: boolean;
                                soakS: number;
                                members: number;
                                offered: number;
                                updating: number;
                                waiting: number;
                                staged: number;
                                confirmed: number;
                                failed: number;
                                retrying: number;
                                settledAtMs: number | null;
                                deadlineAtMs: number | null;
                                control: number;
                                gates: {
                                    gate: string;
                                    verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                    text: string;
                                    difference: number | null;
                                    margin: number | null;
                                    waveDevices: number;
                                    controlDevices: number;
                                    pWorse: number | null;
                                    threshold: number | null;
                                    looks: number;
                                    finding?: "better" | "worse" | "equal" | "undecided";
                                    trail?: {
                                        /** @description milliseconds since 1970, server's clock */
                                        atMs: number;
                                        verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                        difference: number;
                                        low: number | null;
                                        high: number | null;
                                        waveDevices: number;
                                        controlDevices: number;
                                    }[];
                                }[];
                            }[];
                            approvals: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                                scope: "wave" | "rollout";
                                wave: number;
                                expiresAtMs: number | null;
                            }[];
                            approvalsMissing: number;
                            breakGlass: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                            } | null;
                            waiting: {
                                reason: string;
                                devices: number;
                            }[];
                            rollback: {
                                done: number;
                                pending: number;
                            };
                            history: {
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                text: string;
                            }[];
                            promotion: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        comment?: string;
                        rollback?: boolean;
                        scope?: "wave" | "rollout";
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            plan: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            };
                            sequence: number;
                            state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                            reason: string;
                            /** @description milliseconds since 1970, server's clock */
                            createdAtMs: number;
                            /** @description milliseconds since 1970, server's clock */
                            updatedAtMs: number;
                            currentWave: number;
                            waves: {
                                name: string;
                                state: "waiting" | "installing" | "soaking" | "passed" | "stopped";
                                openedAtMs: number | null;
                                isStaging: boolean;
                                soakS: number;
                                members: number;
                                offered: number;
                                updating: number;
                                waiting: number;
                                staged: number;
                                confirmed: number;
                                failed: number;
                                retrying: number;
                                settledAtMs: number | null;
                                deadlineAtMs: number | null;
                                control: number;
                                gates: {
                                    gate: string;
                                    verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                    text: string;
                                    difference: number | null;
                                    margin: number | null;
                                    waveDevices: number;
                                    controlDevices: number;
                                    pWorse: number | null;
                                    threshold: number | null;
                                    looks: number;
                                    finding?: "better" | "worse" | "equal" | "undecided";
                                    trail?: {
                                        /** @description milliseconds since 1970, server's clock */
                                        atMs: number;
                                        verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                        difference: number;
                                        low: number | null;
                                        high: number | null;
                                        waveDevices: number;
                                        controlDevices: number;
                                    }[];
                                }[];
                            }[];
                            approvals: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                                scope: "wave" | "rollout";
                                wave: number;
                                expiresAtMs: number | null;
                            }[];
                            approvalsMissing: number;
                            breakGlass: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                            } | null;
                            waiting: {
                                reason: string;
                                devices: number;
                            }[];
                            rollback: {
                                done: number;
                                pending: number;
                            };
                            history: {
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                text: string;
                            }[];
                            promotion: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        comment?: string;
                        rollback?: boolean;
                        scope?: "wave" | "rollout";
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            plan: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            };
                            sequence: number;
                            state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                            reason: string;
                            /** @description milliseconds since 1970, server's clock */
                            createdAtMs: number;
                            /** @description milliseconds since 1970, server's clock */
                            updatedAtMs: number;
                            currentWave: number;
                            waves: {
                                name: string;
                                state: "waiting" | "installing" | "soaking" | "passed" | "stopped";
                                openedAtMs: number | null;
                                isStaging: boolean;
                                soakS: number;
                                members: number;
                                offered: number;
                                updating: number;
                                waiting: number;
                                staged: number;
                                confirmed: number;
                                failed: number;
                                retrying: number;
                                settledAtMs: number | null;
                                deadlineAtMs: number | null;
                                control: number;
                                gates: {
                                    gate: string;
                                    verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                    text: string;
                                    difference: number | null;
                                    margin: number | null;
                                    waveDevices: number;
                                    controlDevices: number;
                                    pWorse: number | null;
                                    threshold: number | null;
                                    looks: number;
                                    finding?: "better" | "worse" | "equal" | "undecided";
                                    trail?: {
                                        /** @description milliseconds since 1970, server's clock */
                                        atMs: number;
                                        verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                        difference: number;
                                        low: number | null;
                                        high: number | null;
                                        waveDevices: number;
                                        controlDevices: number;
                                    }[];
                                }[];
                            }[];
                            approvals: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                                scope: "wave" | "rollout";
                                wave: number;
                                expiresAtMs: number | null;
                            }[];
                            approvalsMissing: number;
                            breakGlass: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                            } | null;
                            waiting: {
                                reason: string;
                                devices: number;
                            }[];
                            rollback: {
                                done: number;
                                pending: number;
                            };
                            history: {
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                text: string;
                            }[];
                            promotion: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}/abort": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        comment?: string;
                        rollback?: boolean;
                        scope?: "wave" | "rollout";
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            plan: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            };
                            sequence: number;
                            state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                            reason: string;
                            /** @description milliseconds since 1970, server's clock */
                            createdAtMs: number;
                            /** @description milliseconds since 1970, server's clock */
                            updatedAtMs: number;
                            currentWave: number;
                            waves: {
                                name: string;
                                state: "waiting" | "installing" | "soaking" | "passed" | "stopped";
                                openedAtMs: number | null;
                                isStaging: boolean;
                                soakS: number;
                                members: number;
                                offered: number;
                                updating: number;
                                waiting: number;
                                staged: number;
                                confirmed: number;
                                failed: number;
                                retrying: number;
                                settledAtMs: number | null;
                                deadlineAtMs: number | null;
                                control: number;
                                gates: {
                                    gate: string;
                                    verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                    text: string;
                                    difference: number | null;
                                    margin: number | null;
                                    waveDevices: number;
                                    controlDevices: number;
                                    pWorse: number | null;
                                    threshold: number | null;
                                    looks: number;
                                    finding?: "better" | "worse" | "equal" | "undecided";
                                    trail?: {
                                        /** @description milliseconds since 1970, server's clock */
                                        atMs: number;
                                        verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                        difference: number;
                                        low: number | null;
                                        high: number | null;
                                        waveDevices: number;
                                        controlDevices: number;
                                    }[];
                                }[];
                            }[];
                            approvals: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                                scope: "wave" | "rollout";
                                wave: number;
                                expiresAtMs: number | null;
                            }[];
                            approvalsMissing: number;
                            breakGlass: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                            } | null;
                            waiting: {
                                reason: string;
                                devices: number;
                            }[];
                            rollback: {
                                done: number;
                                pending: number;
                            };
                            history: {
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                text: string;
                            }[];
                            promotion: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}/break-glass": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        comment?: string;
                        rollback?: boolean;
                        scope?: "wave" | "rollout";
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            plan: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            };
                            sequence: number;
                            state: "awaiting-approval" | "running" | "paused" | "held" | "rolling-back" | "rolled-back" | "completed" | "aborted";
                            reason: string;
                            /** @description milliseconds since 1970, server's clock */
                            createdAtMs: number;
                            /** @description milliseconds since 1970, server's clock */
                            updatedAtMs: number;
                            currentWave: number;
                            waves: {
                                name: string;
                                state: "waiting" | "installing" | "soaking" | "passed" | "stopped";
                                openedAtMs: number | null;
                                isStaging: boolean;
                                soakS: number;
                                members: number;
                                offered: number;
                                updating: number;
                                waiting: number;
                                staged: number;
                                confirmed: number;
                                failed: number;
                                retrying: number;
                                settledAtMs: number | null;
                                deadlineAtMs: number | null;
                                control: number;
                                gates: {
                                    gate: string;
                                    verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                    text: string;
                                    difference: number | null;
                                    margin: number | null;
                                    waveDevices: number;
                                    controlDevices: number;
                                    pWorse: number | null;
                                    threshold: number | null;
                                    looks: number;
                                    finding?: "better" | "worse" | "equal" | "undecided";
                                    trail?: {
                                        /** @description milliseconds since 1970, server's clock */
                                        atMs: number;
                                        verdict: "advance" | "stop" | "undecided" | "not-applicable";
                                        difference: number;
                                        low: number | null;
                                        high: number | null;
                                        waveDevices: number;
                                        controlDevices: number;
                                    }[];
                                }[];
                            }[];
                            approvals: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                                scope: "wave" | "rollout";
                                wave: number;
                                expiresAtMs: number | null;
                            }[];
                            approvalsMissing: number;
                            breakGlass: {
                                by: string;
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                comment: string;
                            } | null;
                            waiting: {
                                reason: string;
                                devices: number;
                            }[];
                            rollback: {
                                done: number;
                                pending: number;
                            };
                            history: {
                                /** @description milliseconds since 1970, server's clock */
                                atMs: number;
                                text: string;
                            }[];
                            promotion: {
                                product: string;
                                version: string;
                                query: {
                                    hardware?: string[];
                                    tags?: {
                                        [key: string]: string;
                                    };
                                    deviceIds?: string[];
                                    running?: ("none" | string)[];
                                    agentVersions?: string[];
                                    health?: {
                                        online?: boolean;
                                        seenWithinS?: number;
                                        lastUpdateFailed?: boolean;
                                        belowFloor?: boolean;
                                        maxErrorRate?: number;
                                    };
                                };
                                waves: {
                                    name: string;
                                    share?: number;
                                    count?: number;
                                    soakS: number;
                                    preconditions?: {
                                        minBatteryPercent?: number;
                                        requireCharging?: boolean;
                                        allowMetered?: boolean;
                                        links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                        minFreeBytes?: number;
                                        minTemperatureC?: number;
                                        maxTemperatureC?: number;
                                        requireIdle?: boolean;
                                        requireNoCriticalTask?: boolean;
                                        windows?: {
                                            days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                            from: string;
                                            to: string;
                                        }[];
                                        timeZone?: string;
                                    };
                                    approvals?: number;
                                }[];
                                gates: {
                                    maxFailureShare: number;
                                    minConfirmedShare: number;
                                    installTimeoutS: number;
                                    telemetry: {
                                        metric: "confidence" | "accuracy" | "errorRate" | "latency" | "agreement";
                                        margin: number;
                                    }[];
                                    falseStopRate: number;
                                    deadlineS: number;
                                };
                                onFailure: "hold" | "rollback-wave" | "rollback-fleet";
                                preconditions: {
                                    minBatteryPercent?: number;
                                    requireCharging?: boolean;
                                    allowMetered?: boolean;
                                    links?: ("ethernet" | "wifi" | "cellular" | "lpwan" | "other")[];
                                    minFreeBytes?: number;
                                    minTemperatureC?: number;
                                    maxTemperatureC?: number;
                                    requireIdle?: boolean;
                                    requireNoCriticalTask?: boolean;
                                    windows?: {
                                        days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                                        from: string;
                                        to: string;
                                    }[];
                                    timeZone?: string;
                                };
                                approvals: number;
                                approvalExpiresS?: number;
                                limits?: {
                                    installsPerHour?: number;
                                    concurrent?: number;
                                    deadlineS?: number;
                                };
                                retries?: {
                                    maxAttempts: number;
                                    backoffS: number;
                                };
                                strategy?: "staged" | "canary" | "blue-green" | "shadow" | "a-b";
                                shadowShare?: number;
                                switch?: {
                                    approvals?: number;
                                    soakS?: number;
                                };
                                salt?: string;
                                comment?: string;
                            } | null;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            webhooks: {
                                id: string;
                                url: string;
                                kinds: ("rollout.awaiting-approval" | "rollout.running" | "rollout.paused" | "rollout.held" | "rollout.rolling-back" | "rollout.rolled-back" | "rollout.completed" | "rollout.aborted" | "rollout.wave" | "release.uploaded" | "trust.warning" | "webhook.test")[] | null;
                                /** @description milliseconds since 1970, server's clock */
                                createdAtMs: number;
                                endedAtMs: number | null;
                                pending: number;
                                givenUp: number;
                                lastDeliveredAtMs: number | null;
                                lastProblem: string | null;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        id: string;
                        url: string;
                        kinds?: ("rollout.awaiting-approval" | "rollout.running" | "rollout.paused" | "rollout.held" | "rollout.rolling-back" | "rollout.rolled-back" | "rollout.completed" | "rollout.aborted" | "rollout.wave" | "release.uploaded" | "trust.warning" | "webhook.test")[];
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            secret: string;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            id: string;
                            secret: string;
                        };
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {string} */
                            status: "ok";
                            version: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            ready: boolean;
                            problems: string[];
                            notes: string[];
                        };
                    };
                };
                /** @description Default Response */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            ready: boolean;
                            problems: string[];
                            notes: string[];
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
                /** @description Default Response */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            code: string;
                            message: string;
                            requestId: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: never;
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
